package im.snapback

import im.snapback.ffi.MessageContent
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import im.snapback.ffi.ConnectionState as CoreState
import im.snapback.ffi.DialFate as CoreFate
import im.snapback.ffi.DialReport as CoreDialReport
import im.snapback.ffi.DrainOutcome as CoreOutcome
import im.snapback.ffi.DrainReport as CoreReport
import im.snapback.ffi.Event as CoreEvent
import im.snapback.ffi.NameResult as CoreResult
import im.snapback.ffi.Stanza as CoreStanza
import im.snapback.ffi.StanzaAddress as CoreAddress
import im.snapback.ffi.Timeline as CoreTimeline

internal fun ULong.toDuration(): Duration = toLong().milliseconds

internal fun CoreState.toState(): ConnectionState =
    when (this) {
        is CoreState.Offline -> ConnectionState.Offline(reason, retryInMs?.toDuration())
        is CoreState.Connecting -> ConnectionState.Connecting(step)
        is CoreState.Online -> ConnectionState.Online(outcome, roundTrips.toInt(), isCaughtUp)
    }

internal fun CoreTimeline.toTimeline(): Timeline =
    Timeline(
        flights = flights.map { Flight(it.sent, it.received, it.startedMs.toDuration(), it.tookMs?.toDuration()) },
        local = local.map { LocalStep(it.name, it.startedMs.toDuration(), it.tookMs?.toDuration()) },
        tls = tls?.let { TlsSummary(it.version, it.cipherSuite, it.keyExchange, it.resumed, it.earlyData) },
        fastOpen = fastOpen,
        took = tookMs?.toDuration(),
        bytesSent = bytesSent.toLong(),
        bytesReceived = bytesReceived.toLong(),
    )

internal fun CoreDialReport.toDialReport(): DialReport =
    DialReport(
        queries =
            queries.map {
                NameQuery(it.name, it.records, it.source, it.startedMs.toDuration(), it.tookMs.toDuration(), it.result.toResult())
            },
        addresses =
            addresses.map {
                DialedAddress(it.host, it.address, it.startedMs.toDuration(), it.tookMs?.toDuration(), it.fate.toFate())
            },
    )

private fun CoreResult.toResult(): NameResult =
    when (this) {
        is CoreResult.Found -> NameResult.Found(records.toInt())
        is CoreResult.Failed -> NameResult.Failed(problem)
        is CoreResult.Unanswered -> NameResult.Unanswered
    }

private fun CoreFate.toFate(): DialFate =
    when (this) {
        is CoreFate.Opening -> DialFate.Opening
        is CoreFate.Used -> DialFate.Used
        is CoreFate.Failed -> DialFate.Failed(problem)
        is CoreFate.RaceLost -> DialFate.RaceLost
        is CoreFate.TimedOut -> DialFate.TimedOut
        is CoreFate.NotNeeded -> DialFate.NotNeeded
    }

internal fun CoreReport.toReport(): DrainReport =
    DrainReport(outcome.toOutcome(), messages.coerceAtMost(Int.MAX_VALUE.toUInt()).toInt(), hasGap, session)

private fun CoreOutcome.toOutcome(): DrainOutcome =
    when (this) {
        is CoreOutcome.Complete -> DrainOutcome.Complete
        is CoreOutcome.TimedOut -> DrainOutcome.TimedOut
        is CoreOutcome.Offline -> DrainOutcome.Offline(reason)
    }

/** Returns the event for the app; `null` for a change of state, which [SnapbackClient.state] reports. */
internal fun CoreEvent.toEvent(confirm: (String) -> Unit): Event? =
    when (this) {
        is CoreEvent.StateChanged -> null
        is CoreEvent.Online -> Event.Online(outcome, Jid.parse(jid), plan, timeline.toTimeline(), dial.toDialReport())
        is CoreEvent.ConnectionEnded ->
            Event.Ended(
                ending.reason.toReason(),
                ending.retryable,
                ending.needsCredentials,
                ending.description,
                ending.plan,
                ending.timeline?.toTimeline(),
                ending.dial.toDialReport(),
            )
        is CoreEvent.CertificateRefused -> Event.CertificateRefused(refused.toRefused())
        is CoreEvent.Message -> Event.Message(deliveryId, stanza.toMessage(content), possibleDuplicateOf, confirm)
        is CoreEvent.Carbon ->
            Event.Carbon(deliveryId, direction, stanza.toMessage(content), possibleDuplicateOf, confirm)
        is CoreEvent.Presence -> Event.Presence(deliveryId, stanza.toPresence(), confirm)
        is CoreEvent.StanzaStage -> Event.StageReached(id, stage.toStage())
        is CoreEvent.ServerFeatures -> Event.ServerFeatures(features)
        is CoreEvent.RosterChanged -> Event.RosterChanged
        is CoreEvent.PushEnabled -> Event.PushEnabled
        is CoreEvent.PushRefused -> Event.PushRefused(condition, text)
        is CoreEvent.BlockListChanged -> Event.BlockListChanged(change.toChange())
        is CoreEvent.StanzaRefused -> Event.StanzaRefused(limit, bytes.toLong())
        is CoreEvent.PossibleGap -> Event.PossibleGap
        is CoreEvent.CaughtUp -> Event.CaughtUp
        is CoreEvent.PeerFault -> Event.PeerFault(what)
        is CoreEvent.InternalFault -> Event.InternalFault
    }

internal fun CoreAddress.toAddress(): StanzaAddress =
    when (this) {
        is CoreAddress.Absent -> StanzaAddress.Absent
        is CoreAddress.Named -> StanzaAddress.Named(Jid.of(jid))
        is CoreAddress.Unreadable -> StanzaAddress.Unreadable(text)
    }

internal fun CoreStanza.toMessage(content: MessageContent): ReceivedMessage =
    ReceivedMessage(
        from = from.toAddress(),
        to = to.toAddress(),
        id = id,
        type = kind,
        body = body,
        subject = subject,
        thread = thread,
        delayedAt = delayedAtMs,
        originId = originId,
        xml = xml,
        content = content,
    )

private fun CoreStanza.toPresence(): ReceivedPresence =
    ReceivedPresence(from = from.toAddress(), type = kind, show = show, status = status, xml = xml)
