package im.snapback

import kotlin.time.Duration

/** Where the connection stands. */
public sealed interface ConnectionState {
    /** There is no connection, because of [reason]. */
    public data class Offline(
        val reason: OfflineReason,
        /** In how long the next attempt is made, counted from the moment of this state; `null` if none is planned. */
        val retryIn: Duration?,
    ) : ConnectionState

    /** There will be one soon. */
    public data class Connecting(val step: ConnectionStep) : ConnectionState

    /** There is a session, after so many round trips. */
    public data class Online(val outcome: SessionOutcome, val roundTrips: Int) : ConnectionState
}

/** Why there is no connection. */
public typealias OfflineReason = im.snapback.ffi.OfflineReason

/** How far an attempt is. */
public typealias ConnectionStep = im.snapback.ffi.ConnectionStep

/** How a session began: `BOUND` for a new one, `RESUMED` if the interrupted one goes on. */
public typealias SessionOutcome = im.snapback.ffi.SessionOutcome

/** Which way a copied message went. */
public typealias CarbonDirection = im.snapback.ffi.CarbonDirection

/** What the store says about itself. */
public typealias StorageProblem = im.snapback.ffi.StorageProblem

/** What was found in the store when it was opened. */
public typealias OpenReport = im.snapback.ffi.OpenReport

/** Who sees whom. */
public typealias Subscription = im.snapback.ffi.Subscription

/** How TLS starts at a server: at once, or on a stream that begins in the clear. */
public typealias Transport = im.snapback.ffi.TransportKind

/** What a request wants: `GET` or `SET`. */
public typealias IqType = im.snapback.ffi.IqKind

/** What a short visit came to. */
public sealed interface DrainOutcome {
    /** Everything that the server had for us was collected. */
    public data object Complete : DrainOutcome

    /** Time was up first. What came was delivered, or will be. */
    public data object TimedOut : DrainOutcome

    /** There will be no connection without somebody's help; with `NO_SESSION`, without a [SnapbackClient.connect]. */
    public data class Offline(val reason: OfflineReason) : DrainOutcome
}

/** The network as the platform sees it. */
public typealias NetworkState = im.snapback.ffi.NetworkState

/** The roster as it is stored. */
public data class Roster(
    /** Its version, if the server does versions. */
    val version: String?,
    /** Its contacts, ordered by address. */
    val contacts: List<Contact>,
)

/** Somebody in the roster. */
public data class Contact(
    val jid: Jid,
    /** The name that the user gave. */
    val name: String?,
    val subscription: Subscription,
    /** We asked to see the contact and have no answer. */
    val asked: Boolean,
    val groups: List<String>,
)

/** The answer to a request. */
public data class IqAnswer(
    /** Who answered; `null` if it is our own account. */
    val from: Jid?,
    /** The payload as XML, if there is one. */
    val payload: String?,
)

/** How a connection came to its session: what each round trip was spent on. */
public data class Timeline(
    val flights: List<Flight>,
    val local: List<LocalStep>,
    val tls: TlsSummary?,
    /** From the first packet to the session. */
    val took: Duration?,
    val bytesSent: Long,
    val bytesReceived: Long,
) {
    /** How many round trips it took, the TCP handshake included. */
    val roundTrips: Int get() = flights.size
}

/** What was sent before waiting, and what came back, by name. */
public data class Flight(
    val sent: List<String>,
    val received: List<String>,
    val startedAfter: Duration,
    /** How long the answer took, if there was one. */
    val took: Duration?,
)

/** Something that took time on this device. */
public data class LocalStep(val name: String, val startedAfter: Duration, val took: Duration?)

/** What the TLS handshake agreed on. */
public data class TlsSummary(
    val version: String,
    val cipherSuite: String,
    /** A ticket replaced the certificate. */
    val resumed: Boolean,
    /** The server took early data. */
    val earlyData: Boolean,
)
