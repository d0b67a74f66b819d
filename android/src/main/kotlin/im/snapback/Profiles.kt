package im.snapback

import im.snapback.ffi.ServiceChange
import im.snapback.ffi.parseAvatarMetadata
import im.snapback.ffi.Vcard as CoreVcard
import im.snapback.ffi.VcardAvatar as CoreAvatar
import im.snapback.ffi.VcardPhoto as CorePhoto
import im.snapback.ffi.vcardAvatar as coreVcardAvatar

/** What users show of themselves, from [SnapbackClient.profiles]: avatars (XEP-0084), nicknames (XEP-0172), vCards. */
public class Profiles internal constructor(private val client: SnapbackClient) {
    /**
     * Publishes an avatar, which contacts are notified of. Returns its id.
     *
     * @param access who may see it; `null` (default) leaves that to the server, usually the contacts.
     * @throws SnapbackException.PreconditionNotMet if there are avatars with another access model already.
     * @throws SnapbackException.TooBig if the picture is larger than a stanza may be.
     */
    public suspend fun publishAvatar(
        avatar: OutgoingAvatar,
        access: AccessModel? = null,
    ): String = client.calls.call { publishAvatar(avatar, access) }

    /** Publishes that the user has no avatar. */
    public suspend fun disableAvatar(): Unit = client.calls.call { change(ServiceChange.DisableAvatar) }

    /** Returns the formats of a user's avatar; none if the user has no avatar. */
    public suspend fun avatars(of: Jid): List<AvatarInfo> = client.calls.call { avatarMetadata(of.toString()) }

    /**
     * Returns the data of an avatar, whose hash is verified.
     *
     * @throws SnapbackException.Avatar if it is not there, cannot be read, or is another one.
     */
    public suspend fun avatarData(
        of: Jid,
        id: String,
    ): ByteArray = client.calls.call { avatarData(of.toString(), id) }

    /** Publishes the name that the user wants to be called by; an empty one removes it. */
    public suspend fun publishNick(name: String): Unit = client.calls.call { change(ServiceChange.Nick(name)) }

    /** Returns the name that a user wants to be called by; `null` if there is none. */
    public suspend fun nick(of: Jid): String? = client.calls.call { nick(of.toString()) }

    /** Returns what a user says about themselves (XEP-0292, else XEP-0054). */
    public suspend fun vcard(of: Jid): Vcard = Vcard(client.calls.call { vcard(of.toString()) })
}

/** An avatar to be published. */
public typealias OutgoingAvatar = im.snapback.ffi.OutgoingAvatar

/** One format of an avatar. */
public typealias AvatarInfo = im.snapback.ffi.AvatarInfo

/** A vCard, as far as a chat app shows it. Every value is the user's own claim. */
public class Vcard internal constructor(card: CoreVcard) {
    /** The name, formatted. */
    public val fullName: String? = card.fullName

    /** Names that the user goes by. */
    public val nicknames: List<String> = card.nicknames

    /** Organisations. */
    public val organisations: List<String> = card.organisations

    /** A role or title. */
    public val title: String? = card.title

    /** Birthday, as written. */
    public val birthday: String? = card.birthday

    /** Web pages. */
    public val urls: List<String> = card.urls

    /** Addresses of email. */
    public val emails: List<String> = card.emails

    /** Telephone numbers; in vCard 4 as URIs. */
    public val phones: List<String> = card.phones

    /** A text. */
    public val note: String? = card.note

    /** A picture. */
    public val photo: VcardPhoto? =
        when (val photo = card.photo) {
            is CorePhoto.Inline -> VcardPhoto.Inline(photo.mediaType, photo.data, photo.id)
            is CorePhoto.Link -> VcardPhoto.Link(photo.uri)
            null -> null
        }

    override fun toString(): String = "Vcard"
}

/** A picture in a vCard. */
public sealed interface VcardPhoto {
    /** Its data, with the media type as stated. [id] is their SHA-1, as 40 hexadecimal digits. */
    public class Inline internal constructor(
        public val mediaType: String?,
        public val data: ByteArray,
        public val id: String,
    ) : VcardPhoto

    /** A link, which may lead anywhere. */
    public class Link internal constructor(public val uri: String) : VcardPhoto
}

/** What a presence says about the avatar in its sender's vCard (XEP-0153). */
public sealed interface VcardAvatar {
    /** There is none. */
    public data object Absent : VcardAvatar

    /** The one with this hash, as 40 hexadecimal digits. */
    public data class Hash(val id: String) : VcardAvatar
}

/** What this presence says about the avatar in its sender's vCard; `null` if it says nothing. */
public val ReceivedPresence.vcardAvatar: VcardAvatar?
    get() =
        when (val avatar = coreVcardAvatar(xml)) {
            is CoreAvatar.Absent -> VcardAvatar.Absent
            is CoreAvatar.Hash -> VcardAvatar.Hash(avatar.id)
            null -> null
        }

/** The formats of an avatar, if this is an item of the node `urn:xmpp:avatar:metadata`; an empty list means no avatar. */
public val NodeItem.avatars: List<AvatarInfo>? get() = payload?.let { parseAvatarMetadata(it.toXml()) }
