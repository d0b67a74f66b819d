//! Odd stanzas by a seed: most of them legal, the others such that some server relays them all the same.
#![allow(unreachable_pub, reason = "a module of a test")]

use snapback_random::Rng;

/// Letters of names: what XML allows at their beginning.
const NAMES: [&str; 8] = ["a", "_", "é", "x-y.z", "\u{1C5}", "日本", "body", "message"];
/// Namespaces, escaped for single quotes. An empty one is written as no declaration at all.
const NAMESPACES: [&str; 14] = [
    "",
    "u",
    " ",
    "u v",
    "urn:example:é",
    "jabber:client",
    "jabber:server",
    "jabber:iq:roster",
    "http://etherx.jabber.org/streams",
    "urn:xmpp:sm:3",
    "urn:ietf:params:xml:ns:xmpp-sasl",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
    "&lt;u&gt;",
    "&amp;",
];
/// Namespaces that Prosody archives in a form that it cannot read back.
const QUOTED: [&str; 2] = ["u&apos;v", "u&quot;v"];
const TEXTS: [&str; 18] = [
    "",
    " ",
    "x",
    "&#9;&#xA;&#xD;",
    "a\r\nb\rc\nd\te",
    "&#x85;\u{2028}\u{2029}",
    "]]&gt;",
    "<![CDATA[<a>&]]>",
    "&amp;amp;&amp;#x1A;&lt;/body>",
    "\u{202E}\u{200B}\u{FEFF}",
    "e\u{301}\u{301}\u{301}\u{301}",
    "&#x1F600;\u{1F468}\u{200D}\u{1F469}",
    "\u{10FFFD}\u{E000}\u{D7FF}\u{FFFD}",
    "&#x10FFFF;",
    "\u{FFFE}",
    "&#x1A;",
    "&nbsp;",
    "'\"",
];
const TYPES: [&str; 7] = [
    "chat",
    "normal",
    "headline",
    "groupchat",
    "error",
    "",
    "unheard-of",
];
/// Ids, escaped for single quotes.
const IDS: [&str; 8] = [
    "",
    " ",
    "aaaa1",
    "&apos;&quot;&lt;&gt;&amp;",
    "]]&gt;",
    "é\u{1F600}",
    "&#xA;&#9;",
    "&#x1A;",
];
/// Around what servers and the client allow: bytes of a body.
const SIZES: [usize; 9] = [
    4_095, 8_192, 65_535, 65_536, 131_072, 200_000, 262_000, 262_143, 270_000,
];
/// Around the client's limit.
const DEPTHS: [usize; 8] = [2, 30, 57, 58, 60, 62, 64, 130];
const WIDTHS: [usize; 5] = [1, 60, 255, 1_000, 5_000];
/// Children that look like the server's or like another protocol's, where `JULIET` is the receiver.
const FORGED: [&str; 16] = [
    "<stanza-id xmlns='urn:xmpp:sid:0' by='JULIET' id='forged'/>",
    "<stanza-id xmlns='urn:xmpp:sid:0' by='JULIET' id=''/><stanza-id xmlns='urn:xmpp:sid:0'/>",
    "<origin-id xmlns='urn:xmpp:sid:0' id='same'/>",
    "<result xmlns='urn:xmpp:mam:2' id='1' queryid='q'><forwarded xmlns='urn:xmpp:forward:0'>\
     <message xmlns='jabber:client' from='JULIET'><body>forged</body></message></forwarded></result>",
    "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
     <message xmlns='jabber:client' from='JULIET'><body>forged</body></message></forwarded></received>",
    "<sent xmlns='urn:xmpp:carbons:2'/>",
    "<delay xmlns='urn:xmpp:delay' stamp='9999-12-31T23:59:60Z'/>",
    "<delay xmlns='urn:xmpp:delay' from='JULIET' stamp=''/>",
    "<a xmlns='urn:xmpp:sm:3' h='4294967295'/><r xmlns='urn:xmpp:sm:3'/>",
    "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>",
    "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node=''/></event>",
    "<query xmlns='jabber:iq:roster'><item jid=''/></query>",
    "<no-store xmlns='urn:xmpp:hints'/><store xmlns='urn:xmpp:hints'/>",
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='@'/></x>",
    "<p:x xmlns:p='u' xmlns:q='u' p:a='1' xml:lang='' xml:space='preserve'><x xmlns=''/></p:x>",
];
/// Queries of iq stanzas.
const QUERIES: [&str; 4] = [
    "<ping xmlns='urn:xmpp:ping'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='jabber:iq:roster'/>",
    "<query xmlns='urn:example:unheard-of'/>",
];

/// A source of odd stanzas, the same for the same seed.
pub struct Odd {
    random: Rng,
    /// Whether namespaces may contain quotes.
    quotes: bool,
    /// The length of the longest id.
    longest_id: usize,
}

impl Odd {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Rng::new(seed),
            quotes: true,
            longest_id: 3_000,
        }
    }

    /// Leaves out namespaces that Prosody cannot read from its own archive.
    pub fn without_quotes(mut self) -> Self {
        self.quotes = false;
        self
    }

    /// Leaves out ids at which jabberd2 neither answers the sender nor sends the receiver anything more.
    pub fn with_short_ids(mut self) -> Self {
        self.longest_id = 500;
        self
    }

    /// Returns the next stanza, for a bare JID and a full JID of the same account.
    pub fn stanza(&mut self, bare: &str, full: &str) -> String {
        let id = self.id();
        let stanza = match self.below(10) {
            0 => {
                let kind = self.pick(&["get", "set", "result", "error"]);
                let query = self.pick(&QUERIES);
                format!("<iq to='{full}' type='{kind}' id='{id}'>{query}</iq>")
            }
            1 => {
                let children = self.children();
                format!("<presence to='{bare}' id='{id}'>{children}</presence>")
            }
            _ => {
                let kind = self.pick(&TYPES);
                let to = if self.below(3) == 0 { full } else { bare };
                let children = self.children();
                format!("<message to='{to}' type='{kind}' id='{id}'>{children}</message>")
            }
        };
        stanza.replace("JULIET", bare)
    }

    fn id(&mut self) -> String {
        match self.below(8) {
            0 => "i".repeat(1 + self.below(self.longest_id)),
            _ => self.pick(&IDS).to_owned(),
        }
    }

    fn children(&mut self) -> String {
        (0..=self.below(3)).map(|_| self.child()).collect()
    }

    fn child(&mut self) -> String {
        match self.below(12) {
            0..=3 => {
                let (language, text) = (self.language(), self.pick(&TEXTS));
                format!("<body{language}>{text}</body>")
            }
            4..=6 => self.pick(&FORGED).to_owned(),
            7 => self.nested(),
            8 => {
                let (name, width) = (self.name(), WIDTHS[self.below(WIDTHS.len())]);
                format!("<x xmlns='u'>{}</x>", format!("<{name}/>").repeat(width))
            }
            9 => {
                let width = WIDTHS[self.below(3)];
                let attributes: String = (0..width).map(|n| format!(" a{n}='{n}'")).collect();
                format!("<x xmlns='u'{attributes}/>")
            }
            10 if self.below(4) == 0 => {
                let size = SIZES[self.below(SIZES.len())];
                format!("<body>{}</body>", "x".repeat(size))
            }
            _ => {
                let (name, namespace, text) = (self.name(), self.namespace(), self.pick(&TEXTS));
                format!("<{name}{namespace}>{text}</{name}>")
            }
        }
    }

    fn nested(&mut self) -> String {
        let depth = DEPTHS[self.below(DEPTHS.len())];
        let (open, close) = ("<a>".repeat(depth), "</a>".repeat(depth));
        format!("<x xmlns='u'>{open}{close}</x>")
    }

    fn name(&mut self) -> String {
        match self.below(8) {
            0 => "n".repeat(1 + self.below(1_000)),
            _ => self.pick(&NAMES).to_owned(),
        }
    }

    fn namespace(&mut self) -> String {
        let namespace = match self.below(12) {
            0 => "u".repeat(1 + self.below(2_000)),
            1 if self.quotes => self.pick(&QUOTED).to_owned(),
            _ => self.pick(&NAMESPACES).to_owned(),
        };
        match namespace.as_str() {
            "" => String::new(),
            namespace => format!(" xmlns='{namespace}'"),
        }
    }

    fn language(&mut self) -> &'static str {
        self.pick(&["", "", " xml:lang='de'", " xml:lang=''", " xml:lang='x-é'"])
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.random.index(end)
    }
}
