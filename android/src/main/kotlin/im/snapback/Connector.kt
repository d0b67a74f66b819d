package im.snapback

import im.snapback.ffi.ConnectProblem
import im.snapback.ffi.ConnectRequest
import java.net.ConnectException
import java.net.NoRouteToHostException
import java.net.SocketTimeoutException
import kotlin.coroutines.cancellation.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch

/**
 * Opens the connections of a client with a network stack of the app's own, for example on a certain network. Set it as
 * [Configuration.connector].
 *
 * ```
 * val onThisNetwork = Connector { address, port ->
 *     val socket = network.socketFactory.createSocket()
 *     socket.connect(InetSocketAddress(InetAddress.getByName(address), port), 30_000)
 *     ParcelFileDescriptor.fromSocket(socket).detachFd().also { socket.close() }
 * }
 * ```
 *
 * The bytes do not cross to Kotlin: the client reads and writes the descriptor.
 */
public fun interface Connector {
    /**
     * Connects to an [address], an IPv4 or IPv6 address as text and not a name, and [port], and returns the descriptor of a connected
     * stream socket. The client owns the descriptor from then on, and closes it: the app must have detached it from its own
     * object. It may be one end of a pair of sockets (`socketpair`) whose other end the app moves the bytes through.
     *
     * Several addresses may be connected to at once (RFC 8305). The call is cancelled when another one is faster. An exception
     * means that there is no connection; what kind, where it is a [ConnectException], [NoRouteToHostException] or
     * [SocketTimeoutException], is in the timeline. Called on [kotlinx.coroutines.Dispatchers.IO], so that it may block.
     */
    public suspend fun connect(
        address: String,
        port: Int,
    ): Int
}

/** Answers requests for connections until the core ends. They run concurrently. */
internal suspend fun pumpConnections(
    client: SnapbackClient,
    connector: Connector,
): Unit =
    coroutineScope {
        val running = mutableMapOf<ULong, Job>()
        while (true) {
            when (val request = client.calls.next { nextConnectRequest() } ?: break) {
                is ConnectRequest.Connect -> {
                    running.values.removeAll { it.isCompleted }
                    running[request.id] = launch { connect(client, connector, request) }
                }
                is ConnectRequest.Cancel -> running.remove(request.id)?.cancel()
            }
        }
        // What still runs is of no use.
        coroutineContext.cancelChildren()
    }

private suspend fun connect(
    client: SnapbackClient,
    connector: Connector,
    request: ConnectRequest.Connect,
) {
    val problem =
        try {
            val descriptor = connector.connect(request.address, request.port.toInt())
            return client.calls.tell { connected(request.id, descriptor) }
        } catch (error: CancellationException) {
            throw error
        } catch (_: ConnectException) {
            ConnectProblem.REFUSED
        } catch (_: NoRouteToHostException) {
            ConnectProblem.UNREACHABLE
        } catch (_: SocketTimeoutException) {
            ConnectProblem.TIMED_OUT
        } catch (_: Exception) {
            ConnectProblem.OTHER
        }
    client.calls.tell { connectFailed(request.id, problem) }
}
