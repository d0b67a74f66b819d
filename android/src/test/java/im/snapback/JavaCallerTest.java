package im.snapback;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import kotlin.Unit;
import org.junit.jupiter.api.Test;

/** What Java code calls without a Kotlin class between. */
class JavaCallerTest {
    /** A key store that is written in Java. */
    private static final class MapVault implements KeyVault {
        private final Map<String, byte[]> secrets = new HashMap<>();
        private boolean isLocked = false;

        @Override
        public byte[] read(String name) throws VaultException {
            if (isLocked) throw new VaultException.Locked();
            return secrets.get(name);
        }

        @Override
        public void write(String name, byte[] secret) throws VaultException {
            if (isLocked) throw new VaultException.Locked();
            secrets.put(name, secret);
        }
    }

    @Test
    void addressesAreParsed() {
        try {
            assertEquals("juliet", Jid.parse("Juliet@example.org").getLocalpart());
            Jid.parse("@");
        } catch (SnapbackException error) {
            assertEquals(JidProblem.EMPTY, ((SnapbackException.InvalidJid) error).getProblem());
        }
        assertNull(Jid.parseOrNull("@"));
    }

    @Test
    void elementsAreReadWithDefaults() throws SnapbackException {
        Element element = Element.parse("<a xmlns='urn:x' b='1'><c/></a>");
        assertEquals("1", element.attribute("b"));
        assertEquals("urn:x", element.find("c").getNamespace());
        assertEquals("c", Element.parse(element.toXml()).getChildren().get(0).getName());
    }

    @Test
    void theLogAndCredentialsAreSet() {
        Snapback.preload();
        Snapback.log(record -> Unit.INSTANCE);
        Snapback.log(null);
        assertEquals("&lt;", Snapback.escapeXml("<"));
        assertEquals("Credentials(..)", Credentials.password("r0m30").toString());
    }

    @Test
    void aVaultIsWrittenInJava() throws VaultException {
        MapVault vault = new MapVault();
        vault.write("a", new byte[] {1});
        assertArrayEquals(new byte[] {1}, vault.read("a"));
        vault.isLocked = true;
        assertThrows(VaultException.Locked.class, () -> vault.read("a"));
    }

    @Test
    void aSessionByFutures() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try (TestServer server = new TestServer()) {
            CompletableFuture<SnapbackClient> opened =
                    SnapbackFutures.open(SupportKt.JULIET, SupportKt.PASSWORD, it -> SupportKt.on(it, server));
            try (SnapbackClient client = opened.get(60, TimeUnit.SECONDS)) {
                SnapbackFutures futures = new SnapbackFutures(client);
                CompletableFuture<Event.Online> online = new CompletableFuture<>();
                AutoCloseable listening = futures.listen(executor, event -> {
                    if (event instanceof Event.Online) online.complete((Event.Online) event);
                });
                client.connect();
                online.get(60, TimeUnit.SECONDS);
                SentStanza sent = futures.send(SupportKt.getROMEO(), "from Java").get(60, TimeUnit.SECONDS);
                futures.awaitAcked(sent).get(60, TimeUnit.SECONDS);
                assertEquals(List.of("from Java"), server.received());
                assertTrue(futures.roster().get(60, TimeUnit.SECONDS).getContacts().isEmpty());
                listening.close();
                CompletableFuture<IqAnswer> refused =
                        futures.iqGet(Element.parse("<query xmlns='urn:example:unknown'/>"));
                ExecutionException failure =
                        assertThrows(ExecutionException.class, () -> refused.get(60, TimeUnit.SECONDS));
                assertTrue(failure.getCause() instanceof SnapbackException.Refused);
                futures.disconnect().get(60, TimeUnit.SECONDS);
            }
        } finally {
            executor.shutdownNow();
        }
    }
}
