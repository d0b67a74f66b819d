package im.snapback

/** Builds a message (RFC 6121 section 5). */
@SnapbackDsl
public class MessageBuilder internal constructor() {
    /** The text: the element `<body/>`. */
    public var body: String? = null

    /** The attribute `type`. Default `chat`. */
    public var type: String = "chat"

    /** The attribute `id`. Default `null`: the client generates a random one. */
    public var id: String? = null

    /** The conversation that the message belongs to: the element `<thread/>`. */
    public var thread: String? = null

    internal val extensions = mutableListOf<String>()

    /** Adds a further child: one XML element, such as `<request xmlns='urn:xmpp:receipts'/>`. */
    public fun extension(xml: String) {
        extensions += xml
    }
}
