// The calls of calls.md with Smack 4.4.8. Written for this page, and compiled against that version.
// The code of an app for exceptions and threads is not shown: each call blocks.

import java.util.Collections;
import java.util.List;

import org.jivesoftware.smack.ReconnectionManager;
import org.jivesoftware.smack.packet.Message;
import org.jivesoftware.smack.packet.MessageBuilder;
import org.jivesoftware.smack.tcp.XMPPTCPConnection;
import org.jivesoftware.smack.tcp.XMPPTCPConnectionConfiguration;
import org.jivesoftware.smackx.blocking.BlockingCommandManager;
import org.jivesoftware.smackx.httpfileupload.HttpFileUploadManager;
import org.jivesoftware.smackx.httpfileupload.element.Slot;
import org.jivesoftware.smackx.mam.MamManager;
import org.jivesoftware.smackx.message_correct.element.MessageCorrectExtension;
import org.jivesoftware.smackx.muc.MultiUserChat;
import org.jivesoftware.smackx.muc.MultiUserChatManager;
import org.jivesoftware.smackx.push_notifications.PushNotificationsManager;
import org.jivesoftware.smackx.receipts.DeliveryReceiptRequest;
import org.jxmpp.jid.EntityBareJid;
import org.jxmpp.jid.Jid;
import org.jxmpp.jid.parts.Resourcepart;

class Smack {
    static XMPPTCPConnection login() throws Exception {
        // call: log in and stay connected
        XMPPTCPConnectionConfiguration configuration = XMPPTCPConnectionConfiguration.builder()
            .setXmppAddressAndPassword("juliet@example.org", "password")
            .build();
        XMPPTCPConnection connection = new XMPPTCPConnection(configuration);
        ReconnectionManager.getInstanceFor(connection).enableAutomaticReconnection();
        connection.connect().login();
        // end
        return connection;
    }

    static void messages(XMPPTCPConnection connection, EntityBareJid romeo) throws Exception {
        // call: send a message and ask for a receipt
        MessageBuilder builder = connection.getStanzaFactory().buildMessageStanza()
            .to(romeo)
            .setBody("Wherefore art thou?");
        DeliveryReceiptRequest.addTo(builder);
        Message sent = builder.build();
        connection.sendStanza(sent);
        // end

        // call: correct a message
        Message correction = connection.getStanzaFactory().buildMessageStanza()
            .to(romeo)
            .setBody("Wherefore art thou Romeo?")
            .addExtension(new MessageCorrectExtension(sent.getStanzaId()))
            .build();
        connection.sendStanza(correction);
        // end

        // call: read the two newest pages of a conversation
        MamManager.MamQuery query = MamManager.getInstanceFor(connection).queryMostRecentPage(romeo, 50);
        List<Message> newest = query.getMessages();
        List<Message> before = query.pagePrevious(50);
        // end
    }

    static void services(XMPPTCPConnection connection, EntityBareJid coven, Jid pushService, Jid tybalt) throws Exception {
        // call: join a room
        MultiUserChat room = MultiUserChatManager.getInstanceFor(connection).getMultiUserChat(coven);
        room.join(Resourcepart.from("juliet"));
        // end

        // call: enable push notifications
        PushNotificationsManager.getInstanceFor(connection).enable(pushService, "node");
        // end

        // call: get an upload slot
        HttpFileUploadManager uploads = HttpFileUploadManager.getInstanceFor(connection);
        Slot slot = uploads.requestSlot("balcony.jpg", 10_000, "image/jpeg");
        // end

        // call: block an address
        BlockingCommandManager.getInstanceFor(connection).blockContacts(Collections.singletonList(tybalt));
        // end
    }
}
