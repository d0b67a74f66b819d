package org.example.chat

import android.app.Application
import android.util.Log
import im.snapback.Jid
import im.snapback.Snapback
import im.snapback.SnapbackClient
import im.snapback.android.SnapbackAndroid
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlin.time.Duration.Companion.minutes

/** Shows how an app keeps a client: one for each account, until the process ends. */
open class ChatApp : Application() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val opening = Mutex()
    private var opened: Chat? = null

    override fun onCreate() {
        super.onCreate()
        Snapback.log { Log.i("snapback", it.toString()) }
    }

    /** The account and the contact that the user has entered; `null` before. */
    var saved: Pair<String, String>?
        get() {
            val account = preferences.getString(ACCOUNT, null) ?: return null
            return preferences.getString(CONTACT, null)?.let { account to it }
        }
        set(value) = preferences.edit().putString(ACCOUNT, value?.first).putString(CONTACT, value?.second).apply()

    private val preferences get() = getSharedPreferences("chat", MODE_PRIVATE)

    /** Opens the client for the saved account, or returns the one that is open; `null` if there is no account. */
    suspend fun chat(): Chat? = saved?.let { (account, contact) -> chat(account, null, contact) }

    /** Opens the client; a [password] is needed for the first login only. */
    suspend fun chat(
        account: String,
        password: String?,
        contact: String,
    ): Chat =
        opening.withLock {
            opened ?: Chat(open(account, password), Jid.parse(contact), scope).also {
                opened = it
                saved = account to contact
            }
        }

    /** Logs out, and deletes what is stored about the account. */
    suspend fun signOut(): Unit =
        opening.withLock {
            val account = saved?.first ?: return
            opened?.end()
            opened = null
            saved = null
            SnapbackAndroid.removeAccount(this, account)
        }

    protected open suspend fun open(
        account: String,
        password: String?,
    ): SnapbackClient =
        SnapbackAndroid.open(this, account, password, pauseInBackgroundAfter = 1.minutes) {
            identity { name = "Chat" }
        }

    private companion object {
        const val ACCOUNT = "account"
        const val CONTACT = "contact"
    }
}
