package im.snapback

import im.snapback.ffi.CoreCredentials
import im.snapback.ffi.TokenProblem
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch

/**
 * What a client logs in with. Tokens of FAST (XEP-0484) are requested with all of them but [anonymous], and used first.
 *
 * Only a password can show that the server is the right one (SCRAM). With all others the server's certificate alone does.
 */
public class Credentials private constructor(
    internal val provider: TokenProvider?,
    private val create: () -> CoreCredentials,
) {
    internal fun toCore(): CoreCredentials = create()

    /** Returns a text without the credentials. */
    override fun toString(): String = "Credentials(..)"

    public companion object {
        /** Returns a password as credentials. */
        @JvmStatic
        public fun password(password: String): Credentials = Credentials(null) { CoreCredentials.password(password) }

        /** Returns what earlier logins have stored: a token of FAST, or keys of SCRAM. */
        @JvmStatic
        public fun stored(): Credentials = Credentials(null) { CoreCredentials.stored() }

        /** Returns bearer tokens (OAUTHBEARER, RFC 7628), which [provider] is asked for when a login needs one. */
        @JvmStatic
        public fun bearerToken(provider: TokenProvider): Credentials = Credentials(provider) { CoreCredentials.bearerToken() }

        /**
         * Returns a client certificate (EXTERNAL, XEP-0178). [SnapbackClient.open] throws [SnapbackException.Configuration] if it
         * cannot be used.
         *
         * @param chainPem the certificate, then those of its issuers, as PEM.
         * @param keyPem its private key, as PEM. Keys of the Android Keystore, which cannot be read, are not supported.
         */
        @JvmStatic
        public fun certificate(
            chainPem: String,
            keyPem: String,
        ): Credentials = Credentials(null) { CoreCredentials.certificate(chainPem, keyPem) }

        /**
         * Returns no credentials: the server assigns an account, another one for each new session (ANONYMOUS, XEP-0175). The
         * account to open is the domain.
         */
        @JvmStatic
        public fun anonymous(): Credentials = Credentials(null) { CoreCredentials.anonymous() }
    }
}

/** Provides bearer tokens (RFC 6750). */
public fun interface TokenProvider {
    /**
     * Returns a token for the next login, as it is sent: without `Bearer`. It is requested for each login that no token of FAST
     * replaces, and not kept. An answer that takes longer than 20 seconds ends the attempt, and another one follows; so does any
     * exception other than [UserNeededException].
     *
     * @param refused whether the server has refused the last token, so that one from a cache is of no use. If the next one is
     *   refused, too, the client stays offline ([OfflineReason.NEEDS_CREDENTIALS]) until [SnapbackClient.connect].
     * @throws UserNeededException if the user has to act first.
     */
    public suspend fun token(refused: Boolean): String
}

/** The user has to act first, for example to sign in anew. The client stays offline until [SnapbackClient.connect]. */
public class UserNeededException : Exception("the user has to act first")

/** Answers requests for tokens until the client ends. They run concurrently: one that hangs does not delay another. */
internal suspend fun pumpTokens(
    client: SnapbackClient,
    provider: TokenProvider,
): Unit =
    coroutineScope {
        while (true) {
            val request = client.calls.next { nextTokenRequest() } ?: break
            launch {
                try {
                    val token = provider.token(request.refused)
                    client.calls.tell { provideToken(request.id, token) }
                } catch (error: CancellationException) {
                    throw error
                } catch (_: UserNeededException) {
                    client.calls.tell { refuseToken(request.id, TokenProblem.USER_NEEDED) }
                } catch (_: Exception) {
                    client.calls.tell { refuseToken(request.id, TokenProblem.UNAVAILABLE) }
                }
            }
        }
        // What still runs is of no use.
        coroutineContext.cancelChildren()
    }
