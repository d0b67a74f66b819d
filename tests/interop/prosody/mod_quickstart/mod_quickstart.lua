-- XEP-0305: XMPP Quickstart, for clients.
--
-- flight.lib.lua: what a client may put into one write. resume.lib.lua: <resume/> right after TLS, if the operator allows it.
-- Connections begin before their host is known, so the module is a global one; what it advertises is each host's.

module:set_global();

local filters = require "prosody.util.filters";
local portmanager = require "prosody.core.portmanager";
local flight = module:require "flight";

local feature_attr = { xmlns = "urn:xmpp:features:pipelining" };

-- Not BOSH, not WebSocket: they have no STARTTLS, and frames of their own.
local function is_tcp(session)
	local service = portmanager.get_service("c2s") or portmanager.get_service("c2s_direct_tls");
	return service ~= nil and session.conn ~= nil and session.conn.listeners == service.listener;
end

local function prepare(session)
	if session.type == "c2s_unauthed" and is_tcp(session) then
		session.quickstart = flight.prepare(session);
	end
end

-- A resumed session takes over the connection, but not the parser behind it: an unfinished stanza of the previous connection
-- would precede the first stanza of this one.
local function read_from_new_connection(event)
	local session = event.session;
	if not event.from_session.quickstart then return; end
	session.quickstart = true;
	function session.data(data)
		data = data and session.filter("bytes/in", data);
		if not data then return; end
		local ok, err = session.stream:feed(data);
		if ok then return; end
		if err == "stanza-too-large" then
			session:close({ condition = "policy-violation", text = "XML stanza is too big" });
		else
			session:close("not-well-formed");
		end
	end
end

function module.load()
	filters.add_filter_hook(prepare);
end

function module.unload()
	filters.remove_filter_hook(prepare);
end

module:hook("c2s-session-updated", read_from_new_connection, 10);

function module.add_host(module)
	module:hook("stream-features", function (event)
		if event.origin.quickstart then
			event.features:tag("pipelining", feature_attr):up();
		end
	end);
	if module:get_option_boolean("quickstart_resume_before_sasl", false) then
		module:require "resume";
	end
end
