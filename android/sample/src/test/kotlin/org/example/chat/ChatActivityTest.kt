package org.example.chat

import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.view.View
import im.snapback.SnapbackClient
import im.snapback.Storage
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.io.File

/** The app as its user sees it, with real TLS to the reference server. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE, application = TestApp::class, qualifiers = "w360dp-h400dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ChatActivityTest {
    private val server = Server()
    private val activities = mutableListOf<ActivityController<ChatActivity>>()

    @After
    fun end() {
        activities.forEach { it.pause().stop().destroy() }
        server.close()
    }

    private fun start(): ChatActivity {
        val controller = Robolectric.buildActivity(ChatActivity::class.java).also { activities += it }
        (controller.get().application as TestApp).server = server
        // As in the manifest, which is not read here.
        controller.get().setTheme(android.R.style.Theme_DeviceDefault_Light)
        controller.get().title = "Chat"
        return controller.setup().get()
    }

    /** Runs what the app has posted to the main thread, until [condition] holds. */
    private fun await(
        what: () -> Any,
        condition: () -> Boolean,
    ) {
        val end = System.nanoTime() + 60_000_000_000
        while (!condition()) {
            check(System.nanoTime() < end) { "${what()}" }
            shadowOf(Looper.getMainLooper()).idle()
            Thread.sleep(10)
        }
    }

    @Test
    fun `the user signs in, sends a message, reads the answer, finds it after a rotation, and signs out`() =
        MainThread(RuntimeEnvironment.getApplication().dataDir).use { thread ->
            conversation()
            assertEquals(emptyList<String>(), thread.blocked)
        }

    private fun conversation() {
        val activity = start()
        activity.account.setText("juliet@localhost")
        activity.password.setText("r0m30")
        activity.contact.setText("romeo@localhost")
        activity.signIn.performClick()
        await({ activity.status.text }) { "${activity.status.text}" == "online" }
        activity.message.setText("Wherefore art thou?")
        activity.send.performClick()
        await({ server.tell("""{"world":"received"}""") }) { "Wherefore art thou?" in server.tell("""{"world":"received"}""") }
        assertEquals("", "${activity.message.text}")
        server.tell("""{"world":"message","body":"Here."}""")
        await({ activity.lines.text }) { "romeo@localhost: Here." in activity.lines.text }
        assertTrue("me: Wherefore art thou?" in activity.lines.text)
        draw(activity.window.decorView, File(System.getProperty("snapback.picture")))

        val rotated = start()
        await({ rotated.lines.text }) { "romeo@localhost: Here." in rotated.lines.text }
        assertEquals(View.VISIBLE, rotated.send.visibility)

        val app = rotated.application as ChatApp
        rotated.signOut.performClick()
        await({ rotated.status.text }) { app.saved == null && rotated.lines.text.isEmpty() }
        assertTrue(rotated.signIn.isShown && !rotated.send.isShown)
    }

    /** Writes what the window shows, and checks that it shows something. */
    private fun draw(
        window: View,
        file: File,
    ) {
        val picture = Bitmap.createBitmap(window.width, window.height, Bitmap.Config.ARGB_8888)
        window.draw(Canvas(picture))
        file.outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val pixels = IntArray(picture.width * picture.height)
        picture.getPixels(pixels, 0, picture.width, 0, 0, picture.width, picture.height)
        // The letters have smooth edges.
        assertTrue("${pixels.distinct().size} colours", pixels.distinct().size > 50)
    }

    @Test
    fun `a text that is no account is shown as an error`() {
        val activity = start()
        activity.account.setText("@")
        activity.signIn.performClick()
        await({ activity.status.text }) { activity.status.text.isNotEmpty() }
        assertTrue("${activity.status.text}", "JID" in activity.status.text)
    }
}

/** The app with a server in the place of one on the internet, and without the Android Keystore, which tests do not have. */
class TestApp : ChatApp() {
    internal lateinit var server: Server

    override suspend fun open(
        account: String,
        password: String?,
    ): SnapbackClient =
        SnapbackClient.open(account, password) {
            // `filesDir` creates the folder, so that it is asked for off the main thread, as in SnapbackAndroid.
            storage = Storage.InFileWithKeys(File(filesDir, "account.db"), File(filesDir, "keys"))
            server("127.0.0.1", server.port)
            danger { trustOnlyTheseRoots(server.authority) }
        }
}
