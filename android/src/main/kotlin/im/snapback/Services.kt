package im.snapback

import im.snapback.ffi.ServiceChange
import im.snapback.ffi.ServiceException
import im.snapback.ffi.SubscriptionChange

internal fun ServiceException.toSnapbackException(): SnapbackException =
    when (this) {
        is ServiceException.Request -> SnapbackException.of(problem)
        is ServiceException.Unreadable -> SnapbackException.Unreadable(detail)
        is ServiceException.PreconditionNotMet -> SnapbackException.PreconditionNotMet()
        is ServiceException.FileTooLarge -> SnapbackException.FileTooLarge(limit?.toLong())
        is ServiceException.RetryLater -> SnapbackException.RetryLater(atMs)
        is ServiceException.Avatar -> SnapbackException.Avatar(problem)
    }

/** Why the data of an avatar is not used. */
public typealias AvatarProblem = im.snapback.ffi.AvatarProblem

/** Changes of the account at its server (XEP-0077), from [SnapbackClient.account]. */
public class Account internal constructor(private val client: SnapbackClient) {
    /**
     * Changes the password, and logs in with it from then on. Throws the same exceptions as [SnapbackClient.iq]; after
     * [SnapbackException.TimedOut] and [SnapbackException.SessionLost] the next login shows whether it was changed.
     */
    public suspend fun changePassword(password: String): Unit = client.calls.call { changePassword(password) }

    /** Deletes the account, then logs out. Throws the same exceptions as [SnapbackClient.iq]. */
    public suspend fun delete(): Unit = client.calls.call { change(ServiceChange.DeleteAccount) }
}

/** Subscriptions to presence (RFC 6121 section 3), from [SnapbackClient.subscriptions]. */
public class Subscriptions internal constructor(private val client: SnapbackClient) {
    /** Asks a contact for their presence, with the name that the user wants to be called by (XEP-0172). */
    public suspend fun request(
        to: Jid,
        nick: String? = null,
    ): Unit = change(to, SubscriptionChange.Subscribe(nick))

    /**
     * Shares the user's presence with a contact who has asked for it or, where the server supports it, who will ask for it
     * (RFC 6121 section 3.4).
     */
    public suspend fun approve(of: Jid): Unit = change(of, SubscriptionChange.Approve)

    /** Refuses a contact's request, ends the contact's subscription, or takes an approval in advance back. */
    public suspend fun refuse(of: Jid): Unit = change(of, SubscriptionChange.Refuse)

    /** Ends the subscription to a contact's presence. The contact stays in the roster. */
    public suspend fun end(to: Jid): Unit = change(to, SubscriptionChange.Unsubscribe)

    private suspend fun change(
        contact: Jid,
        change: SubscriptionChange,
    ): Unit = client.calls.call { changeSubscription(contact.toString(), change) }
}

/** A presence that is about a subscription, and not about availability; see [ReceivedPresence.subscription]. */
public class SubscriptionNotice(
    /** The contact. */
    public val contact: Jid,
    /** What happened. */
    public val step: SubscriptionStep,
    /** The name that the contact claims (XEP-0172). */
    public val nick: String?,
)

/** What happened to a subscription. */
public typealias SubscriptionStep = im.snapback.ffi.SubscriptionStep

/** What this presence says about a subscription; `null` if it is about something else. */
public val ReceivedPresence.subscription: SubscriptionNotice?
    get() =
        Functions.current.subscriptionNotice(xml)?.let { notice ->
            Jid.parseOrNull(notice.contact)?.let { SubscriptionNotice(it, notice.step, notice.nick) }
        }
