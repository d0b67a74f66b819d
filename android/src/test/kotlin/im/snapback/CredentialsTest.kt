package im.snapback

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList

/** Logins without a password, as far as a server with passwords shows them. */
class CredentialsTest {
    @Test
    fun `a token provider is asked, and its errors are told apart`() =
        real {
            TestServer().use { server ->
                // The provider answers before the server says that it knows no tokens.
                server.tell("rtt", "ms" to 300)
                val requests = CopyOnWriteArrayList<Boolean>()
                val provider =
                    TokenProvider { refused ->
                        requests += refused
                        if (requests.size == 1) error("the service does not answer") else throw UserNeededException()
                    }
                SnapbackClient.open(JULIET, Credentials.bearerToken(provider)) { on(server) }.use { client ->
                    client.connect()
                    val ended = client.next<Event.Ended>()
                    assertEquals(LocalProblem.CREDENTIALS_UNAVAILABLE, (ended.reason as EndReason.Local).problem)
                    assertTrue(ended.retryable)
                    val stopped = client.next<Event.Ended>()
                    assertEquals(LocalProblem.NO_CREDENTIALS, (stopped.reason as EndReason.Local).problem)
                    val needs = ConnectionState.Offline(OfflineReason.NEEDS_CREDENTIALS, null)
                    withTimeout(TIMEOUT) { client.state.first { it == needs } }
                    assertEquals(listOf(false, false), requests.toList())
                }
            }
        }

    @Test
    fun `a server without the mechanism is not logged in to by another one`() =
        real {
            TestServer().use { server ->
                val credentials = Credentials.bearerToken { "planted-token" }
                assertFalse("planted" in "$credentials")
                SnapbackClient.open(JULIET, credentials) { on(server) }.use { client ->
                    client.connect()
                    val ended = client.next<Event.Ended>()
                    assertTrue(ended.reason is EndReason.NoLogin, "${ended.reason}")
                }
                SnapbackClient.open("localhost", Credentials.anonymous()) { on(server) }.use { client ->
                    client.connect()
                    assertTrue(client.next<Event.Ended>().reason is EndReason.NoLogin)
                }
            }
        }

    @Test
    fun `credentials that cannot be used are an error that names the setting`() {
        fun setting(
            account: String,
            credentials: Credentials,
        ) = assertThrows(SnapbackException.Configuration::class.java) {
            real { SnapbackClient.open(account, credentials).close() }
        }.setting
        assertEquals("certificate", setting(JULIET, Credentials.certificate("none", "none")))
        assertEquals("account", setting(JULIET, Credentials.anonymous()))
    }
}
