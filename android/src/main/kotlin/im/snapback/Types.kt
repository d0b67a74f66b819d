package im.snapback

import im.snapback.ffi.NetworkState as CoreNetwork
import im.snapback.ffi.PrivateDns as CorePrivateDns
import kotlin.time.Duration

/** The state of the connection. */
public sealed interface ConnectionState {
    /** There is no connection, for [reason]. */
    public data class Offline(
        val reason: OfflineReason,
        /** The time from this state until the next attempt; `null` if none is scheduled. */
        val retryIn: Duration?,
    ) : ConnectionState

    /** An attempt to connect is under way. */
    public data class Connecting(val step: ConnectionStep) : ConnectionState

    /**
     * A session is established. [roundTrips] is the number of round trips that this took, including the TCP handshake. [isCaughtUp]
     * becomes true with [Event.CaughtUp], but does not wait until the app has taken the earlier events.
     */
    public data class Online(
        val outcome: SessionOutcome,
        val roundTrips: Int,
        val isCaughtUp: Boolean,
    ) : ConnectionState
}

/** Why there is no connection. */
public typealias OfflineReason = im.snapback.ffi.OfflineReason

/** The current step of an attempt to connect. */
public typealias ConnectionStep = im.snapback.ffi.ConnectionStep

/**
 * How a session was established: `BOUND` for a new one, `RESUMED` for the interrupted one (XEP-0198 section 5), `UNANNOUNCED` for a
 * new one without presence, of a background sync ([SnapbackClient.drain]). The next login of the app completes it, and is `BOUND`.
 */
public typealias SessionOutcome = im.snapback.ffi.SessionOutcome

/** Whether another client of the account sent or received a message that was copied (XEP-0280). */
public typealias CarbonDirection = im.snapback.ffi.CarbonDirection

/** Why the store cannot be used. */
public typealias StorageProblem = im.snapback.ffi.StorageProblem

/** What was wrong with the store when it was opened, and which data was lost. */
public typealias OpenReport = im.snapback.ffi.OpenReport

/** The state of the presence subscriptions with a contact (RFC 6121 section 2.1.2.5). */
public typealias Subscription = im.snapback.ffi.Subscription

/** How TLS starts: from the first byte (XEP-0368), or with STARTTLS (RFC 6120 section 5). */
public typealias Transport = im.snapback.ffi.TransportKind

/** The type of an IQ request: `GET` or `SET` (RFC 6120 section 8.2.3). */
public typealias IqType = im.snapback.ffi.IqKind

/** What a background sync has fetched ([SnapbackClient.drain]). */
public data class DrainReport(
    /** How it went. */
    val outcome: DrainOutcome,
    /** The number of messages, carbons included, that were received since the sync began. */
    val messages: Int = 0,
    /** Whether an [Event.PossibleGap] was reported since then: messages may be missing that the server does not keep. */
    val hasGap: Boolean = false,
    /** The session at the end, if there was one. `UNANNOUNCED` is a new one, which the next [SnapbackClient.connect] completes. */
    val session: SessionOutcome? = null,
)

/** How a background sync went ([DrainReport.outcome]). */
public sealed interface DrainOutcome {
    /** The app has collected everything that the server held. */
    public data object Complete : DrainOutcome

    /** The timeout passed first. What has been received is delivered, or will be. */
    public data object TimedOut : DrainOutcome

    /**
     * The client is offline for a reason that a retry does not change. With [OfflineReason.NO_SESSION], call
     * [SnapbackClient.connect] to establish a new session.
     */
    public data class Offline(val reason: OfflineReason) : DrainOutcome
}

/** The network as the platform reports it. */
public data class NetworkState(
    /** Whether there is a network with access to the internet. */
    val available: Boolean,
    /**
     * Its name servers, as IP addresses; a link-local one with the index of its interface, such as `fe80::1%3`. Invalid
     * addresses are ignored; without a valid one, the previous name servers stay in place.
     */
    val nameServers: List<String>,
    /** Private DNS on this network. Default `null`: name servers are queried in cleartext. */
    val privateDns: PrivateDns? = null,
) {
    internal fun toCore(): CoreNetwork = CoreNetwork(available, nameServers, privateDns?.toCore())
}

/** Private DNS on a network (RFC 7858), as its user has set it in Android 9 and later. */
public sealed interface PrivateDns {
    /** By TLS with any certificate and, where a name server does not support TLS, not at all. */
    public data object Opportunistic : PrivateDns

    /** By TLS to the server of this name, which the user has set. No other server is queried. */
    public data class Strict(
        /** The name that the server's certificate must have. */
        val host: String,
    ) : PrivateDns
}

private fun PrivateDns.toCore(): CorePrivateDns =
    when (this) {
        PrivateDns.Opportunistic -> CorePrivateDns.Opportunistic
        is PrivateDns.Strict -> CorePrivateDns.Strict(host)
    }

/** The stored roster (RFC 6121 section 2). */
public data class Roster(
    /** The roster version; `null` if the server does not support versions (RFC 6121 section 2.6). */
    val version: String?,
    /** The contacts, ordered by JID. */
    val contacts: List<Contact>,
)

/** A contact in the roster. */
public data class Contact(
    val jid: Jid,
    /** The name that the user has given the contact. */
    val name: String?,
    val subscription: Subscription,
    /** Whether a subscription request to the contact is unanswered (RFC 6121 section 2.1.2.2). */
    val asked: Boolean,
    val groups: List<String>,
)

/** The answer to an IQ request. */
public data class IqAnswer(
    /** The entity that answered; `null` for the user's own account. */
    val from: Jid?,
    /** The payload as XML; `null` if the answer is empty. */
    val payload: String?,
) {
    /** The payload; `null` if the answer is empty. It is parsed when it is first used. */
    val element: Element? by lazy { payload?.let(Element::received) }
}

/** How a connection reached its session: which flights it took, and what each carried. */
public data class Timeline(
    val flights: List<Flight>,
    /** The steps that took time on this device. */
    val local: List<LocalStep>,
    /** The result of the TLS handshake; `null` if there was none. */
    val tls: TlsSummary?,
    /** Whether the TCP handshake carried the first flight (TCP Fast Open, RFC 7413). */
    val fastOpen: Boolean,
    /** The time from the first packet to the session. */
    val took: Duration?,
    /** Bytes written until then. */
    val bytesSent: Long,
    /** Bytes read until then. */
    val bytesReceived: Long,
) {
    /** The number of round trips, including the TCP handshake. */
    val roundTrips: Int get() = flights.size
}

/** How a server was found and reached, or why it was not. */
public data class DialReport(
    /** The queries for names, in the order of their ends. Empty if all addresses were known. */
    val queries: List<NameQuery>,
    /** The addresses that were dialed, in this order. */
    val addresses: List<DialedAddress>,
)

/** A query for a name. */
public data class NameQuery(
    /** The name, such as `_xmpps-client._tcp.example.org`. */
    val name: String,
    /** The types of the records: `SRV`, or `A, AAAA`. */
    val records: String,
    /** Who was asked. */
    val source: NameSource,
    /** The time from the beginning of the dial until the query began. */
    val startedAfter: Duration,
    /** How long it took. */
    val took: Duration,
    val result: NameResult,
)

/** Who was asked for a name. */
public typealias NameSource = im.snapback.ffi.NameSource

/** The result of a query for a name. */
public sealed interface NameResult {
    /** There are this many records; 0 if the name has none. */
    public data class Found(val records: Int) : NameResult

    /** There is no usable answer. [problem] is in English, safe to log. */
    public data class Failed(val problem: String) : NameResult

    /** No answer came while one was needed: another source was faster, or the time was over. */
    public data object Unanswered : NameResult
}

/** An address that was dialed. */
public data class DialedAddress(
    /** The name of the host. */
    val host: String,
    /** The address and the port. */
    val address: String,
    /** The time from the beginning of the dial until this address was dialed. */
    val startedAfter: Duration,
    /** The time until it was decided what becomes of it; `null` if it was not. */
    val took: Duration?,
    val fate: DialFate,
)

/** What became of an address. */
public sealed interface DialFate {
    /** It was still being dialed. */
    public data object Opening : DialFate

    /** It responded first, and is used. */
    public data object Used : DialFate

    /** It could not be connected to. [problem] is in English, such as `connection refused`. */
    public data class Failed(val problem: String) : DialFate

    /** Another address responded first. */
    public data object RaceLost : DialFate

    /** It did not respond in time. */
    public data object TimedOut : DialFate

    /** It was not needed any more: the attempt was over, or the network changed. */
    public data object NotNeeded : DialFate
}

/** One flight: what the client sent before it waited, and what it received for that. */
public data class Flight(
    /** The names of what was sent. */
    val sent: List<String>,
    /** The names of what was received. */
    val received: List<String>,
    /** The time from the start of the connection until the flight was sent. */
    val startedAfter: Duration,
    /** The time until the answer; `null` if there was none. */
    val took: Duration?,
)

/**
 * A step that took time on this device. [startedAfter] counts from the start of the connection; [took] is `null` if the step
 * did not end.
 */
public data class LocalStep(val name: String, val startedAfter: Duration, val took: Duration?)

/** The result of the TLS handshake. */
public data class TlsSummary(
    /** `TLS 1.3` or `TLS 1.2`. */
    val version: String,
    val cipherSuite: String,
    /** The name of the key exchange group, such as `X25519`; `null` in a resumed session of TLS 1.2. */
    val keyExchange: String?,
    /** Whether the TLS session was resumed with a ticket, without a certificate (RFC 8446 section 2.2). */
    val resumed: Boolean,
    /** Whether the server accepted early data (RFC 8446 section 2.3). */
    val earlyData: Boolean,
)
