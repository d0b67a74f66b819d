package im.snapback;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.Map;
import kotlin.Unit;
import org.junit.jupiter.api.Test;

/** What Java code calls without a Kotlin class between: everything that does not suspend. */
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
}
