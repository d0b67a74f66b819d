package im.snapback

import im.snapback.ffi.KeyVault as CoreVault
import im.snapback.ffi.VaultException as CoreException

/**
 * Keeps a few small secrets under names that the store chooses, outside of every backup.
 *
 * It is called from a thread of Snapback's, a few times when a store is opened, changed for the first time and closed. It
 * may block, and must not call a client.
 */
public interface KeyVault {
    /**
     * The secret of that name. `null` says that there is none, and what it sealed is given up for lost.
     *
     * @throws VaultException if the vault cannot be asked now.
     */
    public fun read(name: String): ByteArray?

    /**
     * Keeps a secret under that name, in place of an older one. It must be on the disk when this returns.
     *
     * @throws VaultException if it cannot.
     */
    public fun write(
        name: String,
        secret: ByteArray,
    )
}

/** Why a vault did not do it. */
public sealed class VaultException(text: String) : Exception(text) {
    /** Not now: the device is locked, the user has to agree first, or the key store does not answer. It is tried again. */
    public class Locked : VaultException("the vault cannot be used now")

    /** It cannot be read or written, and that will last. */
    public class Broken : VaultException("the vault is broken")
}

/** A vault as the core sees it. What else is thrown reaches the core as a broken vault. */
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
