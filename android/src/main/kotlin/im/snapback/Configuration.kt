package im.snapback

import java.io.File
import kotlin.time.Duration
import im.snapback.ffi.CatchUp as CoreCatchUp
import im.snapback.ffi.CoreConfig
import im.snapback.ffi.DangerousTrust
import im.snapback.ffi.Identity as CoreIdentity
import im.snapback.ffi.LoginPolicy as CorePolicy
import im.snapback.ffi.Patience as CorePatience
import im.snapback.ffi.ServerAddress as CoreAddress
import im.snapback.ffi.Storage as CoreStorage

@DslMarker
internal annotation class SnapbackDsl

/** Where things are remembered. */
public sealed interface Storage {
    /** In memory, as long as the process lives. */
    public data object Memory : Storage

    /** In one file, sealed with keys of [vault]. Keep it, and what is called like it with an ending more, out of backups. */
    public class InFile(public val file: File, public val vault: KeyVault) : Storage

    /** In one file, with the keys beside it in a folder: for desktops and tests. */
    public class InFileWithKeys(public val file: File, public val keys: File) : Storage
}

/** How an account is to be kept online. Everything has a default. */
@SnapbackDsl
public class Configuration internal constructor() {
    /**
     * What the resource begins with. Something is added, so that two devices of an account do not end each other's sessions: by the
     * server in Bind 2 (XEP-0386), else eight digits that stay the same for as long as the installation lives (RFC 6120 section 7.7).
     */
    public var resource: String = "snapback"

    /** Where things are remembered. The default forgets with the process; on Android it is a file. */
    public var storage: Storage = Storage.Memory

    /** Turn carbons on (XEP-0280). */
    public var carbons: Boolean = true

    /** Send initial presence after each new session. */
    public var presence: Boolean = true

    /** Fetch the roster after each new session. */
    public var roster: Boolean = true

    /** The name servers to ask, as IP addresses; `null` for those of the system, which phones do not have. */
    public var nameServers: List<String>? = null

    /**
     * The longest stanza that is sent, in bytes; a longer one, or one that is longer than the server takes (XEP-0478), is
     * refused with [SnapbackException.TooBig], or fails with [SendFailure.TooBig] if it is queued already. Default 245,760: what
     * servers of today take, less room for what they add. A server ends the stream over a longer one (RFC 6120 section 13.12).
     */
    public var maxStanza: Int? = null

    internal var askPlatform: Boolean = false
    private val servers = mutableListOf<CoreAddress>()
    private val login = LoginPolicy()
    private val patience = Patience()
    private val catchUp = CatchUp()
    private val identity = Identity()
    private val danger = Danger()

    /** Connect here instead of asking the DNS. Said more than once, all of them are tried in this order. */
    public fun server(host: String, port: Int, transport: Transport = Transport.DIRECT_TLS) {
        require(port in 1..65_535) { "not a port: $port" }
        servers += CoreAddress(host, port.toUShort(), transport)
    }

    /** What a login may do. The defaults are the safe ones. */
    public fun login(block: LoginPolicy.() -> Unit): Unit = login.block()

    /** How long to wait for what. */
    public fun patience(block: Patience.() -> Unit): Unit = patience.block()

    /** What is asked of the archive after a lost session (XEP-0313). */
    public fun catchUp(block: CatchUp.() -> Unit): Unit = catchUp.block()

    /** What we say about ourselves. */
    public fun identity(block: Identity.() -> Unit): Unit = identity.block()

    /** **Dangerous** settings, for tests and private networks. */
    public fun danger(block: Danger.() -> Unit): Unit = danger.block()

    /** What a login may do. */
    @SnapbackDsl
    public class LoginPolicy internal constructor() {
        /** Allow the PLAIN mechanism (RFC 4616). Off: the server would learn the password. */
        public var allowPlain: Boolean = false

        /** Refuse to log in without channel binding (RFC 9266). Off: many servers do not offer it. Once used, it is insisted on. */
        public var requireChannelBinding: Boolean = false

        /**
         * Allow FAST logins in TLS 1.3 early data where the server allows them (XEP-0484). Off: early data has no forward secrecy
         * against a stolen ticket key.
         */
        public var earlyData: Boolean = false

        /** Allow tokens without channel binding (`HT-SHA-256-NONE`). Off: a stolen token could be used from anywhere. */
        public var allowUnboundTokens: Boolean = false
    }

    /** How long to wait for what; `null` for the default. */
    @SnapbackDsl
    public class Patience internal constructor() {
        /** From the transport's start to the session. Default 30 s: eight round trips over GPRS, with a retransmission. */
        public var login: Duration? = null

        /** For the answer to an acknowledgement request (XEP-0198). Default 20 s: a stalled cell may hold data for 10 s. */
        public var ack: Duration? = null

        /**
         * Silence after which the server is asked for a sign of life; zero turns it off. Default 240 s: below the five minutes
         * after which common NATs forget a flow.
         */
        public var keepalive: Duration? = null

        /**
         * For a sign of life after a change of the network or a wake-up. Default 3 s: a radio that wakes, and a round trip.
         * Longer, and a user looks at a dead connection; shorter, and a live one is thrown away.
         */
        public var probe: Duration? = null

        /** What the first wait after a failed attempt is drawn from; it doubles with each failure. Default 1 s. */
        public var backoff: Duration? = null

        /** What the doubling ends at. Default 300 s: a phone that was offline for an hour should not notice the wait. */
        public var backoffCap: Duration? = null
    }

    /** What is asked of the archive after a lost session (XEP-0313); `null` for the default. */
    @SnapbackDsl
    public class CatchUp internal constructor() {
        /** Messages to ask for at once. Default 100: about 50 kB of short ones. A server may give fewer. */
        public var page: Int? = null

        /** Pages in all; beyond that the app is told of a gap with [Event.PossibleGap]. Default 100. */
        public var pages: Int? = null

        /**
         * How long messages of unknown fate wait for the archive's word. Default 10 s: it comes with the first pages, or the
         * archive is slow, and sending them twice is the lesser evil.
         */
        public var patience: Duration? = null
    }

    /** What we say about ourselves. */
    @SnapbackDsl
    public class Identity internal constructor() {
        /** The name of the app. */
        public var name: String = "Snapback"

        /** `phone`, `pc`, ... (category `client` of XEP-0030). */
        public var type: String = "phone"

        /** The URI that names the software in caps (XEP-0115). */
        public var node: String = "urn:snapback:client"

        /** Features beyond those that Snapback itself answers. */
        public var features: List<String> = emptyList()

        /** The name of the device, shown to the user in lists of devices. */
        public var device: String? = null
    }

    /** **Dangerous** settings. */
    @SnapbackDsl
    public class Danger internal constructor() {
        internal var roots: String? = null

        /**
         * Trust these certificates (PEM) instead of those of the system: whoever holds the key of one can impersonate every
         * server to this app.
         */
        public fun trustOnlyTheseRoots(pem: String) {
            roots = pem
        }
    }

    internal fun toCore(account: String): CoreConfig =
        CoreConfig(
            account = account,
            resource = resource,
            storage =
                when (val storage = storage) {
                    is Storage.Memory -> CoreStorage.Memory
                    is Storage.InFile -> CoreStorage.File(storage.file.path, CoreVaultOf(storage.vault))
                    is Storage.InFileWithKeys -> CoreStorage.FileWithKeysInFolder(storage.file.path, storage.keys.path)
                },
            policy =
                CorePolicy(
                    login.allowPlain,
                    login.requireChannelBinding,
                    login.earlyData,
                    login.allowUnboundTokens,
                ),
            patience =
                CorePatience(
                    loginMs = patience.login.toMillis(),
                    ackMs = patience.ack.toMillis(),
                    keepaliveMs = patience.keepalive.toMillis(),
                    probeMs = patience.probe.toMillis(),
                    backoffMs = patience.backoff.toMillis(),
                    backoffCapMs = patience.backoffCap.toMillis(),
                ),
            servers = servers.toList(),
            nameServers = nameServers,
            askPlatform = askPlatform,
            identity = CoreIdentity(identity.name, identity.type, identity.node, identity.features, identity.device),
            carbons = carbons,
            presence = presence,
            roster = roster,
            catchUp =
                CoreCatchUp(
                    page = catchUp.page?.coerceAtLeast(1)?.toUInt(),
                    pages = catchUp.pages?.coerceAtLeast(0)?.toUInt(),
                    patienceMs = catchUp.patience.toMillis(),
                ),
            maxStanza = maxStanza?.coerceAtLeast(0)?.toUInt(),
            dangerousTrust = danger.roots?.let(::DangerousTrust),
        )

    private fun Duration?.toMillis(): ULong? = this?.inWholeMilliseconds?.coerceAtLeast(0)?.toULong()
}
