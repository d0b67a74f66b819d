package im.snapback

import im.snapback.ffi.CallException
import im.snapback.ffi.IqException
import im.snapback.ffi.JidProblem as CoreJidProblem
import im.snapback.ffi.OpenException
import im.snapback.ffi.SendException
import im.snapback.ffi.XmlProblem

/** Why a call failed. The message is meant for logs, and safe to log; the fields are meant for programs. */
public sealed class SnapbackException(text: String) : Exception(text) {
    /** The client is closed. */
    public class Closed : SnapbackException("the client is closed")

    /** A text is not a JID (RFC 7622). */
    public class InvalidJid(
        public val problem: JidProblem,
        /** The part that is wrong; `null` if the problem does not concern one part. */
        public val part: JidPart?,
    ) : SnapbackException("not a JID: $problem${part?.let { " $it" } ?: ""}") {
        internal constructor(error: CoreJidProblem) : this(JidProblem.of(error), JidProblem.partOf(error))
    }

    /** The account's JID has no localpart, so that it is the JID of a server. */
    public class AccountWithoutLocalpart : SnapbackException("the account's JID has no localpart")

    /** The store cannot be used. */
    public class Storage(public val problem: StorageProblem) : SnapbackException("storage: $problem")

    /** The certificate verifier is not initialized: call `SnapbackAndroid.initialize` first. */
    public class VerifierNotInitialized : SnapbackException("the certificate verifier was not initialized")

    /**
     * The native library cannot be loaded: the app contains none for this architecture, or one of another version. [detail] is the
     * message of the system, and safe to log. A retry in the same process fails as well.
     */
    public class NativeLibrary internal constructor(internal val detail: String, cause: Throwable?) :
        SnapbackException("the native library cannot be loaded: $detail") {
        init {
            initCause(cause)
        }
    }

    /** TLS cannot be set up. */
    public class Tls(detail: String) : SnapbackException(detail)

    /** The value of a setting cannot be used, such as a name server that is not an IP address. */
    public class Configuration(public val setting: String) : SnapbackException("$setting cannot be used")

    /** The system does not provide threads or random numbers. */
    public class Unsupported(detail: String) : SnapbackException(detail)

    /** The queue of outbound stanzas is full. Stanzas leave it when the server acknowledges them. */
    public class QueueFull(public val limit: Long) : SnapbackException("the queue is full: it holds $limit stanzas")

    /** An extension, payload or stanza is not exactly one well-formed XML element. */
    public class BadXml : SnapbackException("not one well-formed element")

    /** A specification forbids what the message contains, such as an empty id or a reaction that is no emoji. */
    public class BadContent(problem: String) : SnapbackException(problem)

    /** The element is neither a message nor a presence. */
    public class NotAStanza : SnapbackException("neither a message nor a presence")

    /**
     * The stanza is larger than the limit; see [im.snapback.Configuration.maxStanza]. [size] and [limit] are in bytes of XML,
     * and `null` for a request.
     */
    public class TooBig(public val size: Long?, public val limit: Long?) :
        SnapbackException("too big: $size bytes, $limit are allowed")

    /** Its receivers would refuse the stanza: it exceeds [limit], which is `depth`, `nodes`, `attributes` or `namespaces`. */
    public class TooComplex(public val limit: String) : SnapbackException("its receivers would refuse it: $limit")

    /** A stanza is not sent, or not sent again. */
    public class SendFailed(public val reason: SendFailure) : SnapbackException("not sent: ${nameOf(reason)}")

    /** The request was answered with a stanza error (RFC 6120 section 8.3). */
    public class Refused(
        /** The error type: `auth`, `cancel`, `continue`, `modify` or `wait`. */
        public val type: String,
        /** The defined condition, such as `item-not-found`. */
        public val condition: String,
        /** The responding entity's own text: not safe to log. */
        public val text: String?,
        /** The element `error`, with the application-specific conditions and their data (RFC 6120 section 8.3.4). */
        public val error: Element,
    ) : SnapbackException("refused: $condition")

    /** The session in which the request was sent is lost. The request may or may not have been carried out. */
    public class SessionLost : SnapbackException("the session was lost")

    /** No answer arrived within the timeout. The request may or may not have been carried out. */
    public class TimedOut : SnapbackException("no answer came in time")

    /** A request could not be stored for sending. */
    public class NotQueued : SnapbackException("it could not be queued")

    /** No certificate with this key was refused, or for a reason that no trust outweighs, such as a revocation. */
    public class KeyNotRefused : SnapbackException("no certificate with this key was refused")

    /** An authority has issued the certificate of an earlier login; only [ServerKeys.dangerouslyTrust] trusts a key. */
    public class KeyProvenByAuthority : SnapbackException("an authority has vouched for this server")

    /** More keys than can be kept. */
    public class TooManyKeys(public val limit: Long) : SnapbackException("more than $limit keys")

    /** The answer of another entity violates its specification. */
    public class Unreadable(detail: String) : SnapbackException(detail)

    /** A node is configured otherwise than the options demand; nothing was published (XEP-0060 section 7.1.5). */
    public class PreconditionNotMet : SnapbackException("the node is configured otherwise")

    /** The file is too large for the upload service. [limit] is in bytes, and `null` if the service states none. */
    public class FileTooLarge(public val limit: Long?) : SnapbackException("the file is too large")

    /** The upload service gives no slot now. [at] is in milliseconds since 1970, and `null` if the service states no time. */
    public class RetryLater(public val at: Long?) : SnapbackException("the service gives no slot now")

    /** The data of an avatar cannot be used. */
    public class Avatar(public val problem: AvatarProblem) : SnapbackException("avatar: $problem")

    /** A room did not let the user in, or not with this nickname (XEP-0045 section 7.2). */
    public class NotJoined(public val refusal: RoomRefusal) : SnapbackException("not joined: ${refusal.problem}")

    /** A bug in Snapback. */
    public class Internal : SnapbackException("internal error")

    internal companion object {
        fun of(error: OpenException): SnapbackException =
            when (error) {
                is OpenException.Account -> error.problem?.let(::InvalidJid) ?: AccountWithoutLocalpart()
                is OpenException.Storage -> Storage(error.problem)
                is OpenException.VerifierNotInitialized -> VerifierNotInitialized()
                is OpenException.Tls -> Tls(error.detail)
                is OpenException.Configuration -> Configuration(error.setting)
                is OpenException.NoEntropy -> Unsupported("the system gives no random numbers")
                is OpenException.NoThreads -> Unsupported("the system gives no threads")
                is OpenException.Internal -> Internal()
            }

        fun of(error: CallException): SnapbackException =
            when (error) {
                is CallException.Closed -> Closed()
                is CallException.Storage -> Storage(error.problem)
                is CallException.Internal -> Internal()
            }

        fun of(error: SendException): SnapbackException =
            when (error) {
                is SendException.QueueFull -> QueueFull(error.limit.toLong())
                is SendException.Recipient -> InvalidJid(error.problem)
                is SendException.BadXml -> BadXml()
                is SendException.Content -> BadContent(error.problem)
                is SendException.NotAStanza -> NotAStanza()
                is SendException.TooBig -> TooBig(error.size.toLong(), error.limit.toLong())
                is SendException.TooComplex -> TooComplex(error.limit)
                is SendException.Storage -> Storage(error.problem)
                is SendException.Closed -> Closed()
                is SendException.Internal -> Internal()
            }

        fun of(error: IqException): SnapbackException =
            when (error) {
                is IqException.Refused -> Refused(error.kind, error.condition, error.text, Element.received(error.xml))
                is IqException.SessionLost -> SessionLost()
                is IqException.TimedOut -> TimedOut()
                is IqException.Recipient -> InvalidJid(error.problem)
                is IqException.BadXml -> BadXml()
                is IqException.TooBig -> TooBig(null, null)
                is IqException.TooComplex -> TooComplex(error.limit)
                is IqException.NotQueued -> NotQueued()
                is IqException.Closed -> Closed()
                is IqException.Internal -> Internal()
            }

        fun of(error: XmlProblem): SnapbackException =
            when (error) {
                is XmlProblem.BadXml -> BadXml()
                is XmlProblem.TooBig -> TooBig(error.size.toLong(), error.limit.toLong())
                is XmlProblem.TooComplex -> TooComplex(error.limit)
            }

        private fun nameOf(reason: SendFailure): String =
            when (reason) {
                is SendFailure.SessionLost -> "its session was lost"
                is SendFailure.NotOnline -> "there was no session"
                is SendFailure.StreamEnded -> reason.condition
                is SendFailure.TooBig -> "it has ${reason.size} bytes, and the server takes ${reason.limit}"
                is SendFailure.Refused -> reason.condition
            }
    }
}
