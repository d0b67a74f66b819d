-- XEP-0305, "Reconnection": <resume/> right after TLS, before SASL. An SM-ID is a password here, and made like one.

local cache = require "prosody.util.cache";
local jid = require "prosody.util.jid";
local new_id = require "prosody.util.id".long; -- 216 bits
local st = require "prosody.util.stanza";
local throttle = require "prosody.util.throttle";
local usermanager = require "prosody.core.usermanager";

local mod_smacks = module:depends("smacks");
local registry = module:shared("/*/smacks/resumption-tokens"); -- user@host/SM-ID -> session, kept by mod_smacks

local xmlns_sm = "urn:xmpp:sm:3";
local xmlns_errors = "urn:ietf:params:xml:ns:xmpp-stanzas";

-- Refusals granted to an address. Many phones share one behind a carrier's NAT, and each refusal ends in a login.
local REFUSALS, PER_SECONDS = 30, 60;
local ADDRESSES = 1000;
local H_MAX = 2^32;

-- SM-ID -> session, for those made here. mod_smacks' registry has the last word on which still count.
local sessions = setmetatable({}, { __mode = "v" });
local refusals = cache.new(ADDRESSES);

local function key(session, id)
	return jid.join(session.username, session.host, id);
end

-- mod_smacks' own ids have 72 bits: enough beside a password, not in place of one.
local function lengthen(session, enabled)
	local short, long, finish = enabled.id, new_id(), enabled.finish;
	enabled.id = long;
	function enabled.finish()
		finish();
		registry[key(session, short)] = nil;
		registry[key(session, long)] = session;
		session.resumption_token = long;
		sessions[long] = session;
	end
end

local do_enable = mod_smacks.do_enable;
function mod_smacks.do_enable(session, stanza)
	local enabled, err = do_enable(session, stanza);
	if enabled and enabled.id then
		lengthen(session, enabled);
	end
	return enabled, err;
end

function module.unload()
	mod_smacks.do_enable = do_enable;
end

-- Encrypted by TLS, not yet logged in, over TCP.
local function may_ask(session)
	return session.type == "c2s_unauthed" and session.quickstart and session.secure
		and session.conn ~= nil and session.conn:ssl();
end

local function allowance(address)
	local known = refusals:get(address);
	if not known then
		known = throttle.create(REFUSALS, PER_SECONDS);
		refusals:set(address, known);
	end
	return known;
end

-- The session to be resumed, or nothing and what to write into the log.
local function find(session, stanza)
	local original = sessions[stanza.attr.previd or ""];
	if not original or original.destroyed then return nil, "no such session"; end
	if registry[key(original, stanza.attr.previd)] ~= original then return nil, "session is over"; end
	if original.host ~= session.host then return nil, "session of another host"; end
	if session.quickstart_from ~= jid.join(original.username, original.host) then
		return nil, "session of another user";
	end
	if not usermanager.user_exists(original.username, original.host)
		or not usermanager.user_is_enabled(original.username, original.host) then
		return nil, "account is gone or disabled";
	end
	-- mod_smacks stops the session's timer before it checks h.
	local h = stanza.attr.h and stanza.attr.h:match("^%d+$") and tonumber(stanza.attr.h);
	local queue = original.outgoing_stanza_queue;
	if not h or h >= H_MAX or h < queue:count_acked() or h > queue:count_acked() + queue:count_unacked() then
		return nil, "h does not fit";
	end
	if not queue:resumable() then return nil, "queue has overflown"; end
	return original;
end

local function refuse(session, why)
	allowance(session.ip):poll(1);
	session.log("info", "Resumption before SASL refused to %s: %s", session.ip, why);
	module:fire_event("quickstart/resume-refused", { session = session, reason = why });
	-- One answer for all reasons: a client that is not logged in learns nothing.
	session.send(st.stanza("failed", { xmlns = xmlns_sm }):tag("item-not-found", { xmlns = xmlns_errors }));
	return true;
end

module:hook_tag(xmlns_sm, "resume", function (session, stanza)
	if not may_ask(session) then return; end
	if session.quickstart_resume_tried then return refuse(session, "second attempt on a stream"); end
	session.quickstart_resume_tried = true;
	if not allowance(session.ip):peek(1) then return refuse(session, "too many refusals"); end
	local attempt = { origin = session, stanza = stanza };
	module:fire_event("authentication-attempt", attempt);
	if attempt.allowed == false then return refuse(session, "attempt not allowed"); end
	local original, why = find(session, stanza);
	if not original then return refuse(session, why); end

	-- mod_smacks looks up the session under the name of the requesting client.
	session.username = original.username;
	mod_smacks.handle_resume(session, stanza, xmlns_sm);
	if original.conn and session.type == "c2s_destroyed" then
		original.log("info", "Resumed before SASL from %s", original.ip);
		module:fire_event("authentication-success", { session = original });
	else
		session.username = nil;
	end
	return true;
end, 10);

module:hook("stream-features", function (event)
	local session = event.origin;
	if not may_ask(session) then return; end
	local from = event.stream and event.stream.from;
	session.quickstart_from = from and jid.prep(from) or nil;
	event.features:tag("sm", { xmlns = xmlns_sm }):up();
end);
