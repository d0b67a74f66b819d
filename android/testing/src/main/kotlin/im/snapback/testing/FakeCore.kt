package im.snapback.testing

import im.snapback.Element
import im.snapback.Jid
import im.snapback.RequestAnswer
import im.snapback.RoomAffiliation
import im.snapback.RoomField
import im.snapback.ffi.AttemptRecord
import im.snapback.ffi.CallException
import im.snapback.ffi.Cancellation
import im.snapback.ffi.ConnectProblem
import im.snapback.ffi.ConnectRequest
import im.snapback.ffi.ConnectionQuality
import im.snapback.ffi.ConnectionState
import im.snapback.ffi.CoreBackgroundSync
import im.snapback.ffi.DnsAnswer
import im.snapback.ffi.DnsRequest
import im.snapback.ffi.ErrorType
import im.snapback.ffi.Event
import im.snapback.ffi.InboundRequest
import im.snapback.ffi.IqAnswer
import im.snapback.ffi.IqRequest
import im.snapback.ffi.KeyChange
import im.snapback.ffi.NetworkState
import im.snapback.ffi.OpenReport
import im.snapback.ffi.OutgoingMessage
import im.snapback.ffi.OutgoingPresence
import im.snapback.ffi.RoomChange
import im.snapback.ffi.RoomEvent
import im.snapback.ffi.RoomInfo
import im.snapback.ffi.RoomMember
import im.snapback.ffi.RoomMessage
import im.snapback.ffi.RoomOptions
import im.snapback.ffi.SubscriptionChange
import im.snapback.ffi.TokenProblem
import im.snapback.ffi.TokenRequest

/** The core of a fake client: what [im.snapback.SnapbackClient] calls instead of the native library. */
internal class FakeCore(
    world: World,
) : FakeServices(world) {
    private val pipe = world.pipe

    override fun connect(): Unit = world.wanted()

    override suspend fun disconnect() {
        world.scripted()
        world.disconnected()
    }

    override suspend fun logOut() {
        world.scripted()
        world.loggedOut()
    }

    override suspend fun suspend() {
        world.scripted()
        world.paused()
    }

    override fun resume(): Unit = world.unpaused()

    override fun setForeground(foreground: Boolean): Unit = world.foreground(foreground)

    override fun setPassword(password: String): Unit = world.passwordSet()

    override fun end() {
        world.requests.closed()
        pipe.end()
    }

    override fun state(): ConnectionState = pipe.state.value

    override suspend fun nextState(seen: ConnectionState): ConnectionState? = pipe.nextState(seen)

    override suspend fun nextEvents(max: UInt): List<Event> = pipe.next(max.toInt())

    override suspend fun nextRoomEvent(): RoomEvent? = pipe.nextRoomEvent()

    override suspend fun nextRequest(): InboundRequest? = pipe.nextRequest()

    override fun confirm(deliveryId: String): Unit = world.confirmed(deliveryId)

    override fun newId(): String = world.newId()

    override fun openReport(): OpenReport = OpenReport(emptyList(), emptyList(), false)

    override suspend fun sendMessage(message: OutgoingMessage): String {
        world.scripted()
        val id = message.id ?: world.newId()
        val received = received(world.full, message)
        val isChatState = message.chatState != null && Xml.parse(received.stanza.xml).nodes.size == 1
        world.submit(
            Outbound(id, if (isChatState) Lasting.CHAT_STATE else Lasting.MESSAGE) {
                if (world.sent.none { it.id == id }) world.sent += received.toMessage()
                if (message.kind == "groupchat") world.rooms.sent(message)
            },
        )
        return id
    }

    override suspend fun sendPresence(presence: OutgoingPresence): String {
        world.scripted()
        val id = presence.id ?: world.newId()
        val to = presence.to?.let(Jid::parse) ?: world.account
        val received = received(world.full, to, presence)
        world.submit(Outbound(id, Lasting.PRESENCE) { world.sentPresences += received.toPresence() })
        return id
    }

    override suspend fun changeSubscription(
        with: String,
        change: SubscriptionChange,
    ) {
        val type =
            when (change) {
                is SubscriptionChange.Subscribe -> "subscribe"
                is SubscriptionChange.Approve -> "subscribed"
                is SubscriptionChange.Refuse -> "unsubscribed"
                is SubscriptionChange.Unsubscribe -> "unsubscribe"
            }
        sendPresence(OutgoingPresence(to = with, kind = type))
    }

    override suspend fun iq(request: IqRequest): IqAnswer = world.requests.ask(request)

    override fun handlesRequests(namespace: String): Boolean = true

    override suspend fun respond(
        number: ULong,
        payload: String?,
    ): Boolean = world.requests.answered(number, RequestAnswer.Result(payload?.let { Element.parse(it) }))

    override suspend fun refuse(
        number: ULong,
        kind: ErrorType,
        condition: String,
        text: String?,
    ): Boolean = world.requests.answered(number, RequestAnswer.Refused(condition, kind, text))

    override fun backgroundSync(mayBind: Boolean): CoreBackgroundSync = FakeSync(world, pipe, mayBind)

    override suspend fun enablePush(
        service: String,
        node: String?,
        options: Map<String, String>,
    ) {
        world.scripted()
        world.enablePush(FakeSnapback.Push(Jid.parse(service), node, options))
    }

    override suspend fun disablePush() {
        world.scripted()
        world.change { world.push = null }
    }

    override suspend fun joinRoom(
        room: String,
        options: RoomOptions,
        password: String?,
        cancellation: Cancellation?,
    ): Boolean {
        world.rooms.join(Jid.parse(room), options)
        return true
    }

    override suspend fun leaveRoom(room: String) {
        world.scripted()
        world.rooms.leave(Jid.parse(room))
    }

    override suspend fun rooms(): List<RoomInfo> = world.rooms.list()

    override suspend fun roomInfo(room: String): RoomInfo? = world.rooms.info(Jid.parse(room))

    override suspend fun roomMembers(
        room: String,
        affiliation: RoomAffiliation,
    ): List<RoomMember> {
        world.scripted()
        return world.rooms.members(Jid.parse(room), affiliation)
    }

    override suspend fun roomConfiguration(room: String): List<RoomField> {
        world.scripted()
        return emptyList()
    }

    override suspend fun changeRoom(
        room: String,
        change: RoomChange,
    ) {
        world.scripted()
        world.rooms.change(Jid.parse(room), change)
    }

    override suspend fun sendToRoom(
        room: String,
        message: RoomMessage,
    ): String {
        world.scripted()
        return world.rooms.send(Jid.parse(room), message)
    }

    override suspend fun setRoomNick(
        room: String,
        nick: String,
    ) {
        world.scripted()
        world.rooms.setNick(Jid.parse(room), nick)
    }

    override suspend fun connectionQuality(): ConnectionQuality = ConnectionQuality(0u, 0u, 0u, null, null, null, 0u, 0u)

    override suspend fun exportAttempts(): String = ""

    override suspend fun recentAttempts(): List<AttemptRecord> = emptyList()

    // Without a network there is nothing to look up, to dial, to log in with or to trust.

    override fun networkChanged(network: NetworkState): Unit = Unit

    override fun nameSettingsChanged(network: NetworkState): Unit = Unit

    override fun forgetLoginFloor(): Unit = Unit

    override suspend fun changeKeys(change: KeyChange): Unit = Unit

    override suspend fun nextConnectRequest(): ConnectRequest? = null.also { pipe.awaitEnd() }

    override fun connected(
        id: ULong,
        descriptor: Int,
    ): Unit = Unit

    override fun connectFailed(
        id: ULong,
        problem: ConnectProblem,
    ): Unit = Unit

    override suspend fun nextDnsRequest(): DnsRequest? = null.also { pipe.awaitEnd() }

    override fun answerDns(
        id: ULong,
        answer: DnsAnswer,
    ): Unit = Unit

    override suspend fun nextTokenRequest(): TokenRequest? = null.also { pipe.awaitEnd() }

    override fun provideToken(
        id: ULong,
        token: String,
    ): Unit = Unit

    override fun refuseToken(
        id: ULong,
        problem: TokenProblem,
    ): Unit = Unit

    /** What Swift calls. */
    override suspend fun iqUntil(
        request: IqRequest,
        cancellation: Cancellation,
    ): IqAnswer? = throw CallException.Internal()
}
