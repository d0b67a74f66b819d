package im.snapback

import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File
import kotlin.time.Duration.Companion.milliseconds

/** Errors arrive as exceptions or events with fields. */
class ErrorTest {
    private inline fun <reified T : Throwable> thrown(crossinline work: suspend () -> Unit): T =
        assertThrows(T::class.java) { real { work() } }

    @Test
    fun `an invalid configuration is an error that names the setting`(@TempDir folder: File) {
        val problem = thrown<SnapbackException.InvalidJid> { SnapbackClient.open("@example.org", null).close() }
        assertEquals(JidProblem.EMPTY, problem.problem)
        assertEquals(JidPart.LOCALPART, problem.part)
        thrown<SnapbackException.AccountWithoutLocalpart> { SnapbackClient.open("example.org", "x").close() }
        val setting =
            thrown<SnapbackException.Configuration> {
                SnapbackClient.open(JULIET, "x") { danger { trustOnlyTheseRoots("none") } }.close()
            }
        assertEquals("dangerous_trust", setting.setting)
        val servers =
            thrown<SnapbackException.Configuration> { SnapbackClient.open(JULIET, "x") { nameServers = listOf("a.b") }.close() }
        assertEquals("name_servers", servers.setting)
        // Empty, a control character, one that normalization changes, too long with the digits that are added.
        listOf("", "a\u0007b", "a\u3000b", "x".repeat(1015)).forEach { text ->
            val resource =
                thrown<SnapbackException.Configuration> { SnapbackClient.open(JULIET, "x") { resource = text }.close() }
            assertEquals("resource", resource.setting)
        }
        real { SnapbackClient.open(JULIET, "x") { resource = "Handy \u00e9/1" }.close() }
        assertThrows(IllegalArgumentException::class.java) { real { SnapbackClient.open(JULIET, "x") { server("h", 0) }.close() } }
        val nowhere = Storage.InFileWithKeys(File("/proc/none/account.db"), File(folder, "keys"))
        val storage = thrown<SnapbackException.Storage> { SnapbackClient.open(JULIET, "x") { storage = nowhere }.close() }
        assertTrue(storage.problem in setOf(StorageProblem.BROKEN, StorageProblem.READ_ONLY), "${storage.problem}")
    }

    @Test
    fun `a file has one owner at a time`(@TempDir folder: File) =
        real {
            TestServer().use { server ->
                openInFile(server, folder).use { first ->
                    val error = thrown<SnapbackException.Storage> { openInFile(server, folder).close() }
                    assertEquals(StorageProblem.OWNED_ELSEWHERE, error.problem)
                    first.shutdown()
                    openInFile(server, folder).shutdown()
                }
            }
        }

    @Test
    fun `the errors of a vault are reported, and any other exception means broken`(@TempDir folder: File) {
        class Vault(val error: () -> Throwable) : KeyVault {
            override fun read(name: String): ByteArray? = throw error()

            override fun write(
                name: String,
                secret: ByteArray,
            ) = Unit
        }
        fun problem(error: () -> Throwable) =
            thrown<SnapbackException.Storage> {
                SnapbackClient.open(JULIET, "x") { storage = Storage.InFile(File(folder, "a.db"), Vault(error)) }.close()
            }.problem
        assertEquals(StorageProblem.VAULT_LOCKED, problem { VaultException.Locked() })
        assertEquals(StorageProblem.VAULT_BROKEN, problem { VaultException.Broken() })
        assertEquals(StorageProblem.VAULT_BROKEN, problem { IllegalStateException("whatever") })
    }

    @Test
    fun `a wrong password is reported, and the client waits for another one`() =
        real {
            TestServer().use { server ->
                open(server, password = "wrong").use { client ->
                    client.connect()
                    val ended = client.next<Event.Ended>()
                    val refused = ended.reason as EndReason.LoginRefused
                    assertEquals("not-authorized", refused.condition)
                    assertEquals("No account of this name has this password.", refused.text)
                    assertFalse("No account" in "$ended")
                    assertTrue(ended.needsCredentials)
                    assertFalse(ended.retryable)
                    val state = withTimeout(TIMEOUT) { client.state.first { it is ConnectionState.Offline && it.reason != OfflineReason.NOT_WANTED } }
                    assertEquals(ConnectionState.Offline(OfflineReason.NEEDS_CREDENTIALS, null), state)
                }
            }
        }

    @Test
    fun `a certificate of another authority is refused, and a server that is down is tried again`() =
        real {
            TestServer().use { server ->
                TestServer().use { other ->
                    val client =
                        SnapbackClient.open(JULIET, PASSWORD) {
                            server("127.0.0.1", server.directPort)
                            danger { trustOnlyTheseRoots(other.authority) }
                        }
                    client.use {
                        client.connect()
                        val ended = client.next<Event.Ended>()
                        assertTrue(ended.reason is EndReason.Certificate, "${ended.reason}")
                    }
                }
                server.tell("down")
                open(server).use { client ->
                    client.connect()
                    val ended = client.next<Event.Ended>()
                    assertFalse(ended.needsCredentials)
                    assertTrue(ended.retryable)
                }
            }
        }

    @Test
    fun `the user trusts the key of a refused certificate`() =
        real {
            TestServer().use { server ->
                TestServer().use { other ->
                    val client =
                        SnapbackClient.open(JULIET, PASSWORD) {
                            server("127.0.0.1", server.directPort)
                            danger { trustOnlyTheseRoots(other.authority) }
                        }
                    client.use { trustAndForget(it) }
                    thrown<SnapbackException.Closed> { client.serverKeys.forget(ServerKey(ByteArray(32))) }
                }
            }
        }

    private suspend fun trustAndForget(client: SnapbackClient) {
        client.connect()
        val refused = client.next<Event.CertificateRefused>().certificate
        assertTrue(refused.mayBeTrusted && refused.chain.isNotEmpty(), "$refused")
        assertTrue("localhost" in refused.explanation("localhost"))
        assertEquals(79, refused.key.fingerprint.length)
        assertEquals(refused.key, ServerKey(refused.key.toByteArray()))
        val another = ServerKey(ByteArray(32) { 7 })
        thrown<SnapbackException.KeyNotRefused> { client.serverKeys.trust(another) }
        thrown<SnapbackException.TooManyKeys> { client.serverKeys.require(List(9) { another }) }
        client.serverKeys.trust(refused.key)
        client.next<Event.Online>()
        client.serverKeys.forget(refused.key)
        assertEquals(refused.key, client.next<Event.CertificateRefused>().certificate.key)
        client.serverKeys.dangerouslyTrust(refused.key)
        client.next<Event.Online>()
    }

    @Test
    fun `a proxy has an address, and one that is down is tried again`() =
        real {
            val wrong =
                thrown<SnapbackException.Configuration> {
                    SnapbackClient.open(JULIET, PASSWORD) { proxy(ProxyKind.SOCKS5, "proxy.example", 9050) }
                }
            assertEquals("proxy", wrong.setting)
            val unused = java.net.ServerSocket(0).use { it.localPort }
            val client =
                SnapbackClient.open(JULIET, PASSWORD) {
                    proxy(ProxyKind.HTTP_CONNECT, "127.0.0.1", unused) {
                        user = "juliet"
                        password = "capulet"
                    }
                    danger { trustOnlyTheseRoots(TestServer().use { it.authority }) }
                }
            client.use {
                it.connect()
                val ended = it.next<Event.Ended>()
                assertTrue(ended.reason is EndReason.Unreachable, "${ended.reason}")
                assertTrue(ended.retryable)
            }
        }

    @Test
    fun `a request is refused, times out, is lost, or is not well-formed`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    val late = thrown<SnapbackException.TimedOut> { client.iq(IqType.GET, "<a xmlns='urn:a'/>", timeout = 1.milliseconds) }
                    assertEquals("no answer came in time", late.message)
                    thrown<SnapbackException.BadXml> { client.iq(IqType.GET, "<a>") }
                    thrown<SnapbackException.InvalidJid> { client.send("@", "x") }
                    thrown<SnapbackException.BadXml> { client.send(ROMEO) { extension("</x>") } }
                    client.connect()
                    client.next<Event.Online>()
                    val refused = thrown<SnapbackException.Refused> { client.iq(IqType.GET, "<query xmlns='urn:example:unknown'/>") }
                    assertEquals("cancel", refused.type)
                    assertTrue(refused.condition in setOf("service-unavailable", "feature-not-implemented"), refused.condition)

                    coroutineScope {
                        server.tell("down")
                        server.tell("cut_after", "direction" to "to_client", "bytes" to 1, "mode" to "reset_both")
                        val lost = async { runCatching { client.iq(IqType.GET, "<ping xmlns='urn:xmpp:ping'/>", timeout = TIMEOUT) } }
                        client.next<Event.Ended>()
                        server.tell("forget_sessions")
                        server.tell("up")
                        client.connect()
                        // The result is the same whether or not the server had counted the request before it lost the session.
                        val error = lost.await().exceptionOrNull()
                        assertTrue(error is SnapbackException.SessionLost, "$error")
                    }
                }
            }
        }

    @Test
    fun `a message that is too big is refused with its size and the limit`() {
        val error =
            thrown<SnapbackException.TooBig> {
                SnapbackClient.open(JULIET, "x").use { it.send(ROMEO, "x".repeat(300_000)) }
            }
        assertTrue(checkNotNull(error.size) > checkNotNull(error.limit), error.message)
        val own = thrown<SnapbackException.TooBig> { SnapbackClient.open(JULIET, "x") { maxStanza = 1_000 }.use { it.send(ROMEO, "x".repeat(1_000)) } }
        assertEquals(1_000, own.limit?.toInt())
    }

    @Test
    fun `what receivers would refuse is not sent`() =
        real {
            SnapbackClient.open(JULIET, "x").use { client ->
                for (depth in listOf(59, 61, 100)) {
                    val nested = "<x xmlns='urn:x'>".repeat(depth) + "</x>".repeat(depth)
                    val send = runCatching { client.send(ROMEO) { extension(nested) } }.exceptionOrNull()
                    if (depth < 60) {
                        assertNull(send)
                        continue
                    }
                    val iq = runCatching { client.iq(IqType.SET, nested) }.exceptionOrNull()
                    for (error in listOf(send, iq)) {
                        assertEquals("depth", (error as SnapbackException.TooComplex).limit)
                    }
                }
            }
        }

    @Test
    fun `a full queue is an error with its limit`() =
        real {
            TestServer().use { server ->
                open(server).use { client ->
                    val full =
                        thrown<SnapbackException.QueueFull> {
                            repeat(100_000) { client.send(ROMEO, "$it") }
                        }
                    assertTrue(full.limit in 1..100_000, "${full.limit}")
                }
            }
        }

    @Test
    fun `JIDs are normalized, and any other text is an error`() {
        val jid = Jid.parse("Romeo@Example.NET/Orchard")
        assertEquals("romeo@example.net/Orchard", jid.toString())
        assertEquals("romeo@example.net", jid.bare.toString())
        assertEquals(Jid.parse("romeo@example.net"), jid.bare)
        assertNull(jid.bare.resource)
        assertNull(Jid.parseOrNull("a@b@c/"))
    }
}
