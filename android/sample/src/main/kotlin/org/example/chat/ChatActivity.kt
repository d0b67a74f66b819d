package org.example.chat

import android.app.Activity
import android.os.Bundle
import android.text.InputType
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import im.snapback.ConnectionState
import im.snapback.SnapbackException
import im.snapback.android.DeviceCheck
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.launch

/** Signs in, and shows the conversation. The client outlives it: it belongs to [ChatApp]. */
class ChatActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val app get() = application as ChatApp

    internal lateinit var account: EditText
    internal lateinit var password: EditText
    internal lateinit var contact: EditText
    internal lateinit var signIn: Button
    internal lateinit var check: Button
    internal lateinit var status: TextView
    internal lateinit var lines: TextView
    internal lateinit var message: EditText
    internal lateinit var send: Button
    internal lateinit var signOut: Button
    private var following: Job? = null
    private lateinit var form: LinearLayout
    private lateinit var conversation: LinearLayout

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(layOut())
        signIn.setOnClickListener {
            begin { app.chat("${account.text}", "${password.text}", "${contact.text}") }
        }
        check.setOnClickListener { checkDevice() }
        signOut.setOnClickListener { endAccount() }
        show(conversation, false)
        // Not on this thread, because it reads from the disk whether there is an account.
        begin { app.chat() }
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private fun begin(open: suspend () -> Chat?) {
        following =
            scope.launch {
                try {
                    open()?.let { follow(it) }
                } catch (error: SnapbackException) {
                    runOnUiThread { status.text = error.message }
                }
            }
    }

    private suspend fun follow(chat: Chat) {
        chat.connect()
        runOnUiThread {
            show(form, false)
            show(conversation, true)
            send.setOnClickListener {
                val text = "${message.text}"
                message.setText("")
                scope.launch { chat.say(text) }
            }
        }
        combine(chat.state, chat.lines) { state, lines -> state to lines }.collect { (state, all) ->
            runOnUiThread {
                status.text = name(state)
                lines.text = all.joinToString("\n") { "${it.from}: ${it.text}" }
            }
        }
    }

    private fun endAccount() {
        scope.launch {
            try {
                following?.cancelAndJoin()
                app.signOut()
                runOnUiThread {
                    listOf(status, lines).forEach { it.text = "" }
                    show(form, true)
                    show(conversation, false)
                }
            } catch (error: SnapbackException) {
                runOnUiThread { status.text = error.message }
            }
        }
    }

    private fun checkDevice() {
        scope.launch {
            val text =
                try {
                    DeviceCheck.run(this@ChatActivity, "${account.text}").toText()
                } catch (error: SnapbackException) {
                    error.message
                }
            runOnUiThread { lines.text = text }
        }
    }

    private fun name(state: ConnectionState): String =
        when (state) {
            is ConnectionState.Online -> "online"
            is ConnectionState.Connecting -> "connecting"
            is ConnectionState.Offline -> "offline: ${state.reason}"
        }

    private fun show(
        view: View,
        isVisible: Boolean,
    ) {
        view.visibility = if (isVisible) View.VISIBLE else View.GONE
    }

    private fun layOut(): View {
        account = field("Account, such as juliet@example.org", InputType.TYPE_TEXT_VARIATION_EMAIL_ADDRESS)
        password = field("Password", InputType.TYPE_TEXT_VARIATION_PASSWORD)
        contact = field("Contact", InputType.TYPE_TEXT_VARIATION_EMAIL_ADDRESS)
        signIn = button("Sign in")
        check = button("Check this device")
        status = TextView(this)
        lines = TextView(this)
        message = field("Message", InputType.TYPE_TEXT_VARIATION_SHORT_MESSAGE)
        send = button("Send")
        signOut = button("Sign out")
        form = column(account, password, contact, signIn, check)
        conversation = column(message, send, signOut)
        val margin = (16 * resources.displayMetrics.density).toInt()
        val all = column(status, form, lines, conversation).apply { setPadding(margin, 0, margin, margin) }
        // Apps for Android 15 and later are drawn below the system's bars, too.
        return ScrollView(this).apply {
            fitsSystemWindows = true
            addView(all)
        }
    }

    private fun field(
        hint: String,
        variation: Int,
    ) = EditText(this).apply {
        this.hint = hint
        inputType = InputType.TYPE_CLASS_TEXT or variation
    }

    private fun button(text: String) = Button(this).apply { this.text = text }

    private fun column(vararg views: View) =
        LinearLayout(this).apply {
            orientation = LinearLayout.VERTICAL
            views.forEach(::addView)
        }
}
