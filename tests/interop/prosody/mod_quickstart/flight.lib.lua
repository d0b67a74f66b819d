-- What a client may put into one write, although the stream changes in the middle of it:
--
--   <stream:stream ..><starttls/>ClientHello       the bytes after <starttls/> are TLS's
--   <response>..</response><stream:stream ..><iq/> the bytes after the login are another document's
--
-- Nothing here decides anything about XMPP: bytes are read, or handed on, in smaller pieces than otherwise.

local socket = require "socket";
local server = require "prosody.net.server";
local timer = require "prosody.util.timer";

-- Before TLS a client sends a header and <starttls/>. Input beyond this size is read as without this module.
local MAX_CLEARTEXT = 4096;
-- A login has far fewer tags. Input beyond this number is passed on as without this module.
local MAX_PIECES = 500;

local NAME = "starttls";
-- The shortest that can follow what is not part of the name: "starttls>".
local SHORTEST = #NAME + 1;

-- LuaSocket's receive() on a TCP socket takes all there is into a buffer of its own, out of the reach of TLS. On a UDP socket
-- it is a plain recv(2) of this many bytes, and the rest stays where it is. This one has no socket: it borrows one for a moment.
local borrower = socket.udp();
borrower:settimeout(0);
borrower:close();

local function receive_exactly(tcp, count)
	borrower:setfd(tcp:getfd());
	local data, err = borrower:receive(count);
	borrower:setfd(socket._SOCKETINVALID or -1);
	if data == "" then return nil, "closed"; end
	return data, err;
end

-- How many bytes can be read without reading past the ">" of a <starttls/> or </starttls>, whatever they are.
local function safe_step(seen)
	if seen:find(NAME, 1, true) then return 1; end
	for overlap = #NAME - 1, 1, -1 do
		if seen:sub(-overlap) == NAME:sub(1, overlap) then
			return SHORTEST - overlap;
		end
	end
	return SHORTEST;
end

-- In place of the connection's socket, until TLS: reads up to the end of <starttls/>, and no further.
local function stop_at_starttls(conn, session)
	local tcp = conn.conn;
	local reader, wrapped = {}, {};
	local seen, total, blocked = "", 0, false;

	local function retire()
		if conn.conn == reader then conn.conn = tcp; end
	end

	function reader.receive(_, limit)
		if blocked then return nil, "timeout"; end
		if session.type ~= "c2s_unauthed" or total >= MAX_CLEARTEXT then
			retire();
			return tcp:receive(limit);
		end
		limit = type(limit) == "number" and limit or MAX_CLEARTEXT;
		local chunks, length = {}, 0;
		repeat
			local chunk, err = receive_exactly(tcp, safe_step(seen));
			if not chunk then
				return nil, err, table.concat(chunks);
			end
			table.insert(chunks, chunk);
			length, total = length + #chunk, total + #chunk;
			seen = seen .. chunk;
			local name_at = seen:find(NAME, 1, true);
			if not name_at then
				seen = seen:sub(-SHORTEST);
			elseif chunk:sub(-1) == ">" then
				seen = "";
				break;
			else
				seen = NAME;
			end
		until length >= limit or total >= MAX_CLEARTEXT;
		return table.concat(chunks);
	end

	setmetatable(reader, {
		__index = function (_, name)
			local method = tcp[name];
			if type(method) ~= "function" then return method; end
			wrapped[name] = wrapped[name] or function (_, ...) return method(tcp, ...); end;
			return wrapped[name];
		end;
	});
	conn.conn = reader;

	-- mod_tls asks for this before it answers <proceed/>: what comes now is for TLS, even if the answer is not written
	-- yet.
	function conn.block_reads(self)
		blocked = true;
		self:set(false);
	end
end

-- Hands on one tag at a time, so that a stream that is reset by one tag begins anew with the next.
local function hand_on_by_tag(conn, session)
	local deliver, resume = conn.onincoming, conn.resume;
	local held, at, pieces = "", 1, 0;

	local function is_waiting()
		return session.thread ~= nil and session.thread.state == "waiting";
	end

	local function hand_on()
		while at <= #held do
			if not conn.conn or is_waiting() then return; end
			local stop = held:find(">", at, true) or #held;
			pieces = pieces + 1;
			if session.type ~= "c2s_unauthed" or pieces > MAX_PIECES then
				conn.onincoming, conn.resume = nil, nil;
				stop = #held;
			end
			local piece = held:sub(at, stop);
			at = stop + 1;
			deliver(conn, piece);
		end
		held, at = "", 1;
	end

	function conn.onincoming(_, data)
		if not data then return; end
		held, at = held:sub(at) .. data, 1;
		hand_on();
	end

	-- The connection is paused while the session waits for something (a password store elsewhere, say), and resumed after it.
	function conn.resume(self)
		if at <= #held then timer.add_task(0, hand_on); end
		return resume(self);
	end
end

-- With Nagle's algorithm, Prosody's default, a small write waits until the client has acknowledged the one before it: a round
-- trip for ServerHello after <proceed/>, and one for the answer to the login after the TLS tickets. LuaSec has no call to
-- turn it off, so the socket is lent to LuaSocket for a moment.
local switch = socket.tcp();

local function send_at_once(conn)
	local fd = conn.conn:getfd();
	if not fd or fd < 0 then return; end
	switch:setfd(fd);
	local ok, err = switch:setoption("tcp-nodelay", true);
	switch:setfd(socket._SOCKETINVALID or -1);
	if not ok then
		module:log("debug", "Nagle's algorithm stays on: %s", err);
	end
end

local function prepare(session)
	local conn = session.conn;
	if not conn.onincoming or not server.get_backend or server.get_backend() ~= "epoll" then
		return false; -- another network backend: none of this would be called
	end
	send_at_once(conn);
	hand_on_by_tag(conn, session);
	-- mod_net_multiplex may have let LuaSocket read on already.
	if not conn:ssl() and not conn.conn:dirty() then
		stop_at_starttls(conn, session);
	end
	return true;
end

return { prepare = prepare };
