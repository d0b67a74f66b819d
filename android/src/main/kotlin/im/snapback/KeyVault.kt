package im.snapback

import im.snapback.ffi.KeyVault as CoreVault
import im.snapback.ffi.VaultException as CoreException

/**
 * A key store for the keys that encrypt the client's database. It holds a few small secrets under names that the store chooses,
 * and must keep them out of backups.
 *
 * Snapback calls it on one of its own threads, a few times: when a store is opened, changed for the first time, and closed. The
 * calls may block, and must not call a client.
 */
public interface KeyVault {
    /**
     * Returns the secret of that name, or `null` if there is none. After `null`, the data that was encrypted with it is
     * discarded as lost.
     *
     * @throws VaultException if the vault cannot answer now.
     */
    @Throws(VaultException::class)
    public fun read(name: String): ByteArray?

    /**
     * Stores a secret under that name and replaces an older one. The secret must be on the disk when this returns.
     *
     * @throws VaultException if the secret cannot be stored.
     */
    @Throws(VaultException::class)
    public fun write(
        name: String,
        secret: ByteArray,
    )
}

/** Why a vault could not read or write a secret. */
public sealed class VaultException(text: String) : Exception(text) {
    /**
     * A temporary failure: the device is locked, the user has to agree first, or the key store does not answer. Snapback tries
     * again later.
     */
    public class Locked : VaultException("the vault cannot be used now")

    /** A permanent failure: the vault cannot be read or written. */
    public class Broken : VaultException("the vault is broken")
}

/** Adapts a vault to the core's interface. Other exceptions reach the core as a broken vault. */
internal class CoreVaultOf(private val vault: KeyVault) : CoreVault {
    override fun read(name: String): ByteArray? = translated { vault.read(name) }

    override fun write(
        name: String,
        secret: ByteArray,
    ): Unit = translated { vault.write(name, secret) }

    private inline fun <T> translated(work: () -> T): T =
        try {
            work()
        } catch (_: VaultException.Locked) {
            throw CoreException.Locked()
        } catch (_: VaultException.Broken) {
            throw CoreException.Broken()
        }
}
