//! XML namespaces, under the names that their specifications use.

/// RFC 6120: stanzas exchanged with a server.
pub const CLIENT: &str = "jabber:client";
/// RFC 6120 4.8.1: the stream itself.
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// RFC 6120 4.9.2: stream error conditions.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120 8.3.2: stanza error conditions.
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// RFC 6120 5: STARTTLS.
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// RFC 6120 6: SASL, the first profile.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// RFC 6120 7: resource binding.
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// RFC 3921 3: session establishment, a no-op today.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// The namespace of `xml:lang`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of `xmlns` itself (Namespaces in XML section 3).
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";
/// RFC 6121 2: the roster.
pub const ROSTER: &str = "jabber:iq:roster";
/// RFC 6121 2.6: roster versioning, as a stream feature.
pub const ROSTER_VERSION: &str = "urn:xmpp:features:rosterver";
/// XEP-0388: SASL2.
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// XEP-0386: Bind 2.
pub const BIND2: &str = "urn:xmpp:bind:0";
/// XEP-0484: FAST.
pub const FAST: &str = "urn:xmpp:fast:0";
/// XEP-0440: channel-binding types that the server offers.
pub const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// XEP-0198: stream management.
pub const SM: &str = "urn:xmpp:sm:3";
/// XEP-0305: pipelining.
pub const PIPELINING: &str = "urn:xmpp:features:pipelining";
/// XEP-0352: client state indication.
pub const CSI: &str = "urn:xmpp:csi:0";
/// XEP-0280: message carbons.
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// XEP-0297: forwarded stanzas.
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// XEP-0115: entity capabilities.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// XEP-0030: service discovery.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0199: ping.
pub const PING: &str = "urn:xmpp:ping";
/// XEP-0203: delayed delivery.
pub const DELAY: &str = "urn:xmpp:delay";
/// XEP-0313: the archive.
pub const MAM: &str = "urn:xmpp:mam:2";
/// XEP-0359: unique and stable stanza ids.
pub const STANZA_ID: &str = "urn:xmpp:sid:0";
/// XEP-0004: data forms.
pub const DATA_FORMS: &str = "jabber:x:data";
/// XEP-0509: instant authentication with pipelining.
pub const IAP: &str = "urn:xmpp:iap:0";
/// XEP-0478: limits of a stream.
pub const LIMITS: &str = "urn:xmpp:stream-limits:0";
/// XEP-0059: result sets.
pub const RSM: &str = "http://jabber.org/protocol/rsm";
/// XEP-0085: chat states.
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// XEP-0334: hints on how a message is to be processed.
pub const HINTS: &str = "urn:xmpp:hints";
/// XEP-0184: delivery receipts.
pub const RECEIPTS: &str = "urn:xmpp:receipts";
/// XEP-0333: displayed markers.
pub const CHAT_MARKERS: &str = "urn:xmpp:chat-markers:0";
/// XEP-0308: corrections.
pub const CORRECTION: &str = "urn:xmpp:message-correct:0";
/// XEP-0424: retractions.
pub const RETRACTION: &str = "urn:xmpp:message-retract:1";
/// XEP-0425: retractions by the moderators of a room.
pub const MODERATION: &str = "urn:xmpp:message-moderate:1";
/// XEP-0444: reactions.
pub const REACTIONS: &str = "urn:xmpp:reactions:0";
/// XEP-0461: replies.
pub const REPLY: &str = "urn:xmpp:reply:0";
/// XEP-0428: which text is there for clients that do not support an extension.
pub const FALLBACK: &str = "urn:xmpp:fallback:0";
/// XEP-0066: a URI beside a message.
pub const OUT_OF_BAND: &str = "jabber:x:oob";
/// XEP-0421: occupants of rooms, by a stable id.
pub const OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";
/// XEP-0045: what a room says about an occupant.
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// XEP-0045: what a client asks of a room when it joins it.
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// XEP-0045: what moderators and admins ask of a room.
pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// XEP-0045: what owners ask of a room.
pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// XEP-0249: direct invitations to a room.
pub const DIRECT_INVITATION: &str = "jabber:x:conference";
/// XEP-0191: the block list.
pub const BLOCKING: &str = "urn:xmpp:blocking";
/// XEP-0060: publish-subscribe.
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// XEP-0060: notifications of publish-subscribe.
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// XEP-0060: requests of the owner of a node.
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// XEP-0060: application-specific error conditions.
pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// Options of a publish request (XEP-0060 section 7.1.5).
pub const PUBSUB_PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// XEP-0357.
pub const PUSH: &str = "urn:xmpp:push:0";
/// XEP-0030: the items of an entity.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// XEP-0402: bookmarks of rooms.
pub const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
/// XEP-0084: the data of an avatar.
pub const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
/// XEP-0084: what avatars there are.
pub const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
/// XEP-0172: the nickname of a user.
pub const NICK: &str = "http://jabber.org/protocol/nick";
/// XEP-0292, RFC 6351: vCard 4.
pub const VCARD4: &str = "urn:ietf:params:xml:ns:vcard-4.0";
/// XEP-0292: the node of the vCard.
pub const VCARD4_NODE: &str = "urn:xmpp:vcard4";
/// XEP-0054: vcard-temp.
pub const VCARD_TEMP: &str = "vcard-temp";
/// XEP-0153: the hash of the avatar in a vCard.
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// XEP-0363: HTTP file upload.
pub const UPLOAD: &str = "urn:xmpp:http:upload:0";
/// XEP-0363: what an uploaded file is for.
pub const UPLOAD_PURPOSE: &str = "urn:xmpp:http:upload:purpose:0";
/// XEP-0077: registration.
pub const REGISTER: &str = "jabber:iq:register";
