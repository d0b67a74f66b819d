package im.snapback

import java.io.File
import kotlin.time.Duration
import im.snapback.ffi.CatchUp as CoreCatchUp
import im.snapback.ffi.CoreConfig
import im.snapback.ffi.DangerousTrust
import im.snapback.ffi.Identity as CoreIdentity
import im.snapback.ffi.LoginPolicy as CorePolicy
import im.snapback.ffi.NameSystem
import im.snapback.ffi.Proxy as CoreProxy
import im.snapback.ffi.ServerAddress as CoreAddress
import im.snapback.ffi.Storage as CoreStorage
import im.snapback.ffi.Timeouts as CoreTimeouts

@DslMarker
internal annotation class SnapbackDsl

/** The protocol of a proxy: SOCKS5 (RFC 1928) or HTTP CONNECT (RFC 9110 section 9.3.6). */
public typealias ProxyKind = im.snapback.ffi.ProxyKind

/** Whether TLS offers a key exchange that a quantum computer does not break. */
public typealias PostQuantum = im.snapback.ffi.PostQuantum

/**
 * Where a client keeps its state: the session that can be resumed (XEP-0198), queued stanzas, unconfirmed deliveries, the
 * roster and FAST tokens (XEP-0484).
 */
public sealed interface Storage {
    /** In memory. The state is lost when the process ends. */
    public data object Memory : Storage

    /**
     * In one database file, whose values are encrypted with a key from [vault]. Exclude it from backups, together with the
     * files whose names are the same with a suffix, such as `account.db-wal`: the session in an old copy cannot be resumed.
     */
    public class InFile(public val file: File, public val vault: KeyVault) : Storage

    /** In one database file, with its keys as plain files in the folder [keys]. For desktops and tests. */
    public class InFileWithKeys(public val file: File, public val keys: File) : Storage
}

/** The settings of a client. Every setting has a default. */
@SnapbackDsl
public class Configuration internal constructor() {
    /**
     * The first part of the resource. Default `snapback`. A suffix makes it unique, so that two devices of an account do not
     * end each other's sessions: the server adds it in Bind 2 (XEP-0386); otherwise the client adds eight digits, which stay
     * the same until the app is reinstalled (RFC 6120 section 7.7). A text that cannot be a resourcepart, normalized as in RFC 7622,
     * makes opening the client fail with [SnapbackException.Configuration].
     */
    public var resource: String = "snapback"

    /**
     * Where the client keeps its state. Default [Storage.Memory], which loses it with the process; `SnapbackAndroid.open` uses
     * a file.
     */
    public var storage: Storage = Storage.Memory

    /** Whether to enable message carbons in each new session (XEP-0280). Default `true`. */
    public var carbons: Boolean = true

    /** Whether to send initial presence in each new session (RFC 6121 section 4.2). Default `true`. */
    public var presence: Boolean = true

    /**
     * Who gets a delivery receipt when asking for one (XEP-0184). The receipt is sent when the app confirms the delivery; messages
     * from rooms, from the archive and copies get none. Default: the contacts that may see the user's presence, since a receipt
     * shows that the user is online.
     */
    public var receipts: ReceiptPolicy = ReceiptPolicy.CONTACTS

    /** Whether to fetch the roster in each new session (RFC 6121 section 2.2). Default `true`. */
    public var roster: Boolean = true

    /**
     * The name servers to query, as IP addresses. Default `null`: those of the system's configuration file, which phones do not
     * have. A client of `SnapbackAndroid.open` replaces them by those of each network. An entry that is not an IP address makes opening the client fail with [SnapbackException.Configuration].
     */
    public var nameServers: List<String>? = null

    /**
     * The largest stanza that is sent, in bytes of XML. Default 245,760: the limit of common servers, less room for what they
     * add. A server ends the stream when a stanza is larger than its limit (RFC 6120 section 13.12). A stanza larger than this,
     * or than the limit that the server announces (XEP-0478), is refused with [SnapbackException.TooBig]; if it is already
     * queued, it fails with [SendFailure.TooBig].
     */
    public var maxStanza: Int? = null

    /**
     * Opens the connections. Default `null`: the client opens its own sockets, which is faster, and right unless the app has a
     * reason: a certain network, a tunnel of its own. With a connector there is no TCP Fast Open.
     */
    public var connector: Connector? = null

    internal var system: NameSystem = NameSystem.Other
    private val servers = mutableListOf<CoreAddress>()
    internal var proxy: Proxy? = null
    private val login = LoginPolicy()
    private val timeouts = Timeouts()
    private val catchUp = CatchUp()
    private val identity = Identity()
    private val danger = Danger()

    /**
     * Adds a server to connect to, instead of resolving the account's domain. Called more than once, the servers are tried in
     * this order.
     *
     * @param transport how TLS starts. Default [Transport.DIRECT_TLS] (XEP-0368), which needs fewer round trips than STARTTLS.
     * @throws IllegalArgumentException if [port] is not a TCP port.
     */
    @JvmOverloads
    public fun server(host: String, port: Int, transport: Transport = Transport.DIRECT_TLS) {
        require(port in 1..65_535) { "not a port: $port" }
        servers += CoreAddress(host, port.toUShort(), transport)
    }

    /**
     * Connects through a proxy. With the default [Proxy.remoteNames], no query for a name leaves the device: the proxy looks names
     * up, and onion services can be reached. Then SRV records are not used: the server is the configured [server], or the
     * account's domain on port 5223, then on port 5222.
     *
     * @param address the IP address of the proxy; not a name, which would have to be looked up. Another text makes opening the
     *   client fail with [SnapbackException.Configuration].
     * @throws IllegalArgumentException if [port] is not a TCP port.
     */
    @JvmOverloads
    public fun proxy(kind: ProxyKind, address: String, port: Int, block: Proxy.() -> Unit = {}) {
        require(port in 1..65_535) { "not a port: $port" }
        proxy = Proxy(kind, if (':' in address) "[$address]:$port" else "$address:$port").apply(block)
    }

    /** Sets the authentication policy. The defaults are the secure choices. */
    public fun login(block: LoginPolicy.() -> Unit): Unit = login.block()

    /** Sets the timeouts. */
    public fun timeouts(block: Timeouts.() -> Unit): Unit = timeouts.block()

    /** Sets how much of the archive is fetched when the server has lost the session (XEP-0313). */
    public fun catchUp(block: CatchUp.() -> Unit): Unit = catchUp.block()

    /** Sets what the client says about itself to other entities. */
    public fun identity(block: Identity.() -> Unit): Unit = identity.block()

    /** Sets **dangerous** options, for tests and private networks. */
    public fun danger(block: Danger.() -> Unit): Unit = danger.block()

    /** The authentication policy. */
    @SnapbackDsl
    public class LoginPolicy internal constructor() {
        /** Whether the mechanism PLAIN is allowed (RFC 4616). Default `false`: it gives the password to the server. */
        public var allowPlain: Boolean = false

        /**
         * Whether a login without channel binding is refused (RFC 9266). Default `false`: many servers do not offer it. After
         * one login with channel binding, later ones without it are refused in any case; see [SnapbackClient.forgetLoginFloor].
         */
        public var requireChannelBinding: Boolean = false

        /**
         * Whether FAST logins may be sent as TLS 1.3 early data to servers that allow it (XEP-0484). Default `false`: early
         * data has no forward secrecy if the server's ticket key is stolen.
         */
        public var earlyData: Boolean = false

        /**
         * Whether the first flight may travel in the TCP handshake (TCP Fast Open, RFC 7413), which saves a round trip. Android 7
         * and later have it; the server's system has to have it, too. Default `false`: some networks drop such packets, which
         * costs a wait of at most 1.25 s once per network, an observer can recognise the device by the cookie, and the server
         * may receive the flight twice.
         */
        public var fastOpen: Boolean = false

        /**
         * Whether TLS offers a key exchange that a quantum computer does not break (X25519MLKEM768, TLS 1.3). Default
         * [PostQuantum.OFF]: it adds 2.3 kB to each login, and no round trip; a server that cannot read so large a first message
         * would not be reached. [TlsSummary.keyExchange] names what was used.
         */
        public var postQuantum: PostQuantum = PostQuantum.OFF

        /**
         * Whether FAST tokens without channel binding are allowed (`HT-SHA-256-NONE`, XEP-0484). Default `false`: a stolen
         * token could be used on any connection.
         */
        public var allowUnboundTokens: Boolean = false
    }

    /** The timeouts; `null` selects the default. */
    @SnapbackDsl
    public class Timeouts internal constructor() {
        /**
         * The time from the start of the transport until the session is established. Default 30 s: enough for eight round trips
         * over GPRS with one retransmission.
         */
        public var login: Duration? = null

        /**
         * The time to wait for the answer to an acknowledgement request (XEP-0198 section 4). Default 20 s: a mobile network
         * may hold data back for 10 s.
         */
        public var ack: Duration? = null

        /**
         * The time without inbound data after which the client sends a liveness probe; zero turns these probes off.
         * Default 240 s: less than the five minutes after which common NATs drop an idle connection.
         */
        public var keepalive: Duration? = null

        /**
         * The time to wait for the answer to a liveness probe after a network change or a wake-up. Default 3 s: the time in
         * which a radio wakes up, and one round trip. With a longer one, the user looks at a dead connection for longer. With a
         * shorter one, a working connection may be closed.
         */
        public var probe: Duration? = null

        /**
         * The upper bound of the first random delay after a failed attempt; twice as long after each further one. Default 1 s.
         * The delay is random so that the clients of a failed server do not all reconnect at the same time.
         */
        public var backoff: Duration? = null

        /**
         * The largest upper bound that [backoff] grows to. Default 300 s: short compared with an hour without a server.
         */
        public var backoffCap: Duration? = null
    }

    /** A proxy for the connections of an account. */
    @SnapbackDsl
    public class Proxy internal constructor(internal val kind: ProxyKind, internal val address: String) {
        /** The user, if the proxy requires one. Default `null`. It is sent to the proxy in the clear. */
        public var user: String? = null

        /** The password of [user]. Default `null`. It is sent to the proxy in the clear. */
        public var password: String? = null

        /** Whether the proxy looks names up. Default `true`; with `false` this device does, and the proxy gets addresses. */
        public var remoteNames: Boolean = true
    }

    /** How much of the archive is fetched when the server has lost the session (XEP-0313); `null` selects the default. */
    @SnapbackDsl
    public class CatchUp internal constructor() {
        /**
         * How many messages are requested in one page (XEP-0059). Default 100: about 50 kB of short messages. A server may
         * return fewer.
         */
        public var page: Int? = null

        /**
         * The maximum number of pages. Default 100. If the archive has more, the client reports a gap with [Event.PossibleGap].
         */
        public var pages: Int? = null

        /**
         * The time for which messages wait that the lost session may or may not have delivered: if the archive has them, they
         * are not sent again. Default 10 s: the archive's first pages usually arrive within it. After it, they are sent, since
         * a duplicate is better than a long delay.
         */
        public var timeout: Duration? = null
    }

    /** What the client says about itself to other entities. */
    @SnapbackDsl
    public class Identity internal constructor() {
        /** The name of the app. Default `Snapback`. */
        public var name: String = "Snapback"

        /** The type within the category `client` of service discovery (XEP-0030): `phone` (default), `pc`, ... */
        public var type: String = "phone"

        /** The URI that identifies the software in entity capabilities (XEP-0115). */
        public var node: String = "urn:snapback:client"

        /** Namespaces of features that the app implements itself, announced beside those of Snapback (XEP-0030). */
        public var features: List<String> = emptyList()

        /**
         * Namespaces of the requests that the app answers, such as `jabber:iq:version`; they are announced, too. Each needs a
         * handler ([SnapbackClient.onRequest]). Default none: all requests but those for service discovery and pings are refused.
         */
        public var requests: List<String> = emptyList()

        /** The name of the device, which servers show in lists of devices (XEP-0388). Default `null`: none. */
        public var device: String? = null
    }

    /** **Dangerous** options. */
    @SnapbackDsl
    public class Danger internal constructor() {
        internal var roots: String? = null

        /**
         * Trusts these root certificates (PEM) instead of those of the system. Anyone who has the private key of one of them
         * can impersonate every server to this app.
         */
        public fun trustOnlyTheseRoots(pem: String) {
            roots = pem
        }
    }

    internal fun toCore(account: String): CoreConfig =
        CoreConfig(
            account = account,
            resource = checkedResource(),
            storage =
                when (val storage = storage) {
                    is Storage.Memory -> CoreStorage.Memory
                    is Storage.InFile -> CoreStorage.File(storage.file.path, CoreVaultOf(storage.vault))
                    is Storage.InFileWithKeys -> CoreStorage.FileWithKeysInFolder(storage.file.path, storage.keys.path)
                },
            policy =
                CorePolicy(
                    allowPlain = login.allowPlain,
                    requireChannelBinding = login.requireChannelBinding,
                    earlyData = login.earlyData,
                    fastOpen = login.fastOpen,
                    postQuantum = login.postQuantum,
                    allowUnboundTokens = login.allowUnboundTokens,
                ),
            timeouts =
                CoreTimeouts(
                    loginMs = timeouts.login.toMillis(),
                    ackMs = timeouts.ack.toMillis(),
                    keepaliveMs = timeouts.keepalive.toMillis(),
                    probeMs = timeouts.probe.toMillis(),
                    backoffMs = timeouts.backoff.toMillis(),
                    backoffCapMs = timeouts.backoffCap.toMillis(),
                ),
            servers = servers.toList(),
            nameServers = nameServers,
            system = system,
            identity =
                CoreIdentity(
                    name = identity.name,
                    kind = identity.type,
                    node = identity.node,
                    features = identity.features,
                    requests = identity.requests,
                    device = identity.device,
                ),
            carbons = carbons,
            presence = presence,
            roster = roster,
            receipts = receipts,
            catchUp =
                CoreCatchUp(
                    page = catchUp.page?.coerceAtLeast(1)?.toUInt(),
                    pages = catchUp.pages?.coerceAtLeast(0)?.toUInt(),
                    timeoutMs = catchUp.timeout.toMillis(),
                ),
            maxStanza = maxStanza?.coerceAtLeast(0)?.toUInt(),
            proxy = proxy?.let { CoreProxy(kind = it.kind, address = it.address, user = it.user, remoteNames = it.remoteNames) },
            connects = connector != null,
            dangerousTrust = danger.roots?.let(::DangerousTrust),
        )

    /** A resource that is no resourcepart (RFC 7622 section 3.4) would be refused by the server in each login. */
    private fun checkedResource(): String {
        // The digits are those that RFC 6120 binding adds.
        if (Jid.parseOrNull("a@example.org/$resource.00000000")?.resource != "$resource.00000000" || resource.isEmpty()) {
            throw SnapbackException.Configuration("resource")
        }
        return resource
    }

    private fun Duration?.toMillis(): ULong? = this?.inWholeMilliseconds?.coerceAtLeast(0)?.toULong()
}
