package im.snapback

import im.snapback.ffi.FileUpload as CoreUpload
import im.snapback.ffi.UploadPurpose as CorePurpose
import im.snapback.ffi.UploadService as CoreService
import im.snapback.ffi.UploadSlot as CoreSlot

/**
 * Where files may be uploaded (XEP-0363), from [SnapbackClient.uploads]. The upload is one HTTP `PUT`, which the app does with
 * the HTTP client of its choice.
 *
 * ```
 * val service = client.uploads.service() ?: return
 * val slot = client.uploads.slot(service, FileUpload("cat.jpg", file.length(), "image/jpeg"))
 * put(slot.putUrl, slot.headers, file)
 * client.send(romeo) { file(slot.getUrl) }
 * ```
 */
public class Uploads internal constructor(private val client: SnapbackClient) {
    /** Returns the upload service of the account's server; `null` if there is none. Ask once for each session. */
    public suspend fun service(): UploadService? =
        client.calls.call { uploadService() }?.let { service ->
            Jid.parseOrNull(service.jid)?.let { UploadService(it, service.maxFileSize?.toLong()) }
        }

    /**
     * Asks for a slot.
     *
     * @throws SnapbackException.FileTooLarge if the file is too large for the service.
     * @throws SnapbackException.RetryLater if the service gives no slot now, such as over a quota.
     * @throws SnapbackException.Unreadable if the service names other URLs than `https`.
     */
    public suspend fun slot(
        service: UploadService,
        file: FileUpload,
    ): UploadSlot =
        client.calls.call {
            uploadSlot(
                CoreService(service.jid.toString(), service.maxFileSize?.toULong()),
                CoreUpload(file.name, file.size.coerceAtLeast(0).toULong(), file.mediaType, file.purpose.toCore()),
            )
        }.let(::UploadSlot)
}

/** A service that takes files. */
public data class UploadService(
    /** Its address. */
    val jid: Jid,
    /** The maximum size of a file in bytes; `null` if the service states none. */
    val maxFileSize: Long?,
)

/** A file to be uploaded. */
public class FileUpload(
    /** Its name, without a path. */
    public val name: String,
    /** Its size in bytes: of what is uploaded, so after encryption. */
    public val size: Long,
    /** Its media type, such as `image/jpeg`. Default `null`: none. */
    public val mediaType: String? = null,
    /** What it is for. Default: a message. */
    public val purpose: UploadPurpose = UploadPurpose.Message,
)

/** What a file is for: services keep files of different kinds for different times. */
public sealed interface UploadPurpose {
    /** To be sent in a message. */
    public data object Message : UploadPurpose

    /** A picture of a profile: kept longer. */
    public data object Profile : UploadPurpose

    /** Not available after [expires], in milliseconds since 1970. */
    public data class Ephemeral(val expires: Long) : UploadPurpose

    /** To be kept. */
    public data object Permanent : UploadPurpose
}

private fun UploadPurpose.toCore(): CorePurpose =
    when (this) {
        is UploadPurpose.Message -> CorePurpose.Message
        is UploadPurpose.Profile -> CorePurpose.Profile
        is UploadPurpose.Ephemeral -> CorePurpose.Ephemeral(expires)
        is UploadPurpose.Permanent -> CorePurpose.Permanent
    }

/** Where a file may be uploaded, and where it can be downloaded then. The URLs give access to the file: [toString] prints neither. */
public class UploadSlot internal constructor(slot: CoreSlot) {
    /** The `https` URL for one HTTP `PUT`. */
    public val putUrl: String = slot.putUrl

    /** The headers for it, in this order, beside `Content-Length` and `Content-Type`. Their values are secrets. */
    public val headers: List<Pair<String, String>> = slot.headers.map { it.name to it.value }

    /** The `https` URL of the file. */
    public val getUrl: String = slot.getUrl

    override fun toString(): String = "UploadSlot"
}
