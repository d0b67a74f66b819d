package im.snapback

import im.snapback.ffi.EndReason as CoreReason
import im.snapback.ffi.TlsProblem as CoreTls

/** Why a connection, or an attempt at one, ended. */
public sealed interface EndReason {
    /** The client closed it. */
    public data object Closed : EndReason

    /** The client dropped it to start another one, or to be suspended. */
    public data object Dropped : EndReason

    /** The server's name could not be resolved. */
    public data class Resolve(val problem: ResolveProblem) : EndReason

    /** No address accepted a connection. [failures] has the error of each attempt, such as `connection refused`. */
    public data class Unreachable(val failures: List<String>) : EndReason

    /** No address answered in time. */
    public data object ConnectTimedOut : EndReason

    /** The certificate was refused. */
    public data class Certificate(val problem: CertificateProblem) : EndReason

    /** The certificate could not be verified: the platform's verifier is missing. */
    public data object VerifierUnavailable : EndReason

    /** TLS failed; [detail] is safe to log. */
    public data class Tls(val detail: String) : EndReason

    /**
     * The server closed the stream with a stream error (RFC 6120 section 4.9). [condition] is the defined condition, such as
     * `conflict`. [text] is the server's own text: not safe to log.
     */
    public class StreamError(public val condition: String, public val text: String?) : EndReason {
        override fun toString(): String = "StreamError(condition=$condition)"
    }

    /** The server has removed the account. [text] is the server's own text: not safe to log. */
    public class AccountRemoved(public val text: String?) : EndReason {
        override fun toString(): String = "AccountRemoved"
    }

    /**
     * The server refused the login, with a SASL condition such as `not-authorized` (RFC 6120 section 6.5). [text] is the server's
     * own text, such as how long to wait: one line of at most 1024 characters, not safe to log.
     */
    public class LoginRefused(public val condition: String, public val text: String?) : EndReason {
        override fun toString(): String = "LoginRefused(condition=$condition)"
    }

    /**
     * The server accepted the credentials and refused the session (RFC 6120 section 7), such as for too many devices, with a
     * condition such as `resource-constraint`. [text] is the server's own text: not safe to log.
     */
    public class BindRefused(public val condition: String, public val text: String?) : EndReason {
        override fun toString(): String = "BindRefused(condition=$condition)"
    }

    /**
     * The server requires one of these [tasks] after the password, such as a second factor, and Snapback implements none of
     * them (XEP-0388 section 2.6.3). The names are the server's. [text] is the server's own text: not safe to log.
     */
    public class TasksRequired(public val tasks: List<String>, public val text: String?) : EndReason {
        override fun toString(): String = "TasksRequired(tasks=$tasks)"
    }

    /** The server offers no authentication mechanism that the client accepts. */
    public data class NoLogin(val problem: NoLoginProblem) : EndReason

    /**
     * The server violated the protocol, or is incompatible with the client. [rule] is the rule that it broke and [detail] what
     * it did; both are safe to log.
     */
    public data class ServerFault(val rule: String, val detail: String) : EndReason

    /** The cause is on this device. */
    public data class Local(val problem: LocalProblem) : EndReason

    /** The store could not be used. */
    public data class Storage(val problem: StorageProblem) : EndReason

    /** A timeout passed; [timer] says which. */
    public data class TimedOut(val timer: Timer) : EndReason

    /**
     * The attempt was made only to resume the interrupted session, as [SnapbackClient.drain] does, and the session cannot be
     * resumed. Nothing is lost.
     */
    public data class NoSession(val problem: NoSessionProblem) : EndReason

    /**
     * The client relied on a stored fact about the server that is no longer true. It deletes the fact and reconnects at once.
     */
    public data class WrongAssumption(val assumption: Assumption) : EndReason

    /** The transport ended before the server closed the stream. */
    public data object TransportClosed : EndReason

    /** The server closed the stream without an error (RFC 6120 section 4.4). */
    public data object StreamClosed : EndReason

    /** A bug in Snapback. */
    public data object Internal : EndReason
}

/** Why a server's name could not be resolved. */
public typealias ResolveProblem = im.snapback.ffi.ResolveProblem

/** Why a certificate was refused. */
public typealias CertificateProblem = im.snapback.ffi.CertificateProblem

/** Why none of the server's authentication mechanisms is acceptable. */
public typealias NoLoginProblem = im.snapback.ffi.NoLoginProblem

/** What went wrong on this device. */
public typealias LocalProblem = im.snapback.ffi.LocalProblem

/** Which timeout passed. */
public typealias Timer = im.snapback.ffi.Timer

/** Why no session can be resumed. */
public typealias NoSessionProblem = im.snapback.ffi.NoSessionProblem

/** A stored fact about the server that is no longer true. */
public typealias Assumption = im.snapback.ffi.WrongAssumption

internal fun CoreReason.toReason(): EndReason =
    when (this) {
        is CoreReason.Closed -> EndReason.Closed
        is CoreReason.Dropped -> EndReason.Dropped
        is CoreReason.Resolve -> EndReason.Resolve(problem)
        is CoreReason.Unreachable -> EndReason.Unreachable(failures)
        is CoreReason.ConnectTimedOut -> EndReason.ConnectTimedOut
        is CoreReason.Tls ->
            when (val problem = problem) {
                is CoreTls.Certificate -> EndReason.Certificate(problem.problem)
                is CoreTls.VerifierUnavailable -> EndReason.VerifierUnavailable
                is CoreTls.Protocol -> EndReason.Tls(problem.detail)
            }
        is CoreReason.StreamError -> EndReason.StreamError(condition, text)
        is CoreReason.AccountRemoved -> EndReason.AccountRemoved(text)
        is CoreReason.LoginRefused -> EndReason.LoginRefused(condition, text)
        is CoreReason.BindRefused -> EndReason.BindRefused(condition, text)
        is CoreReason.TasksRequired -> EndReason.TasksRequired(tasks, text)
        is CoreReason.NoLogin -> EndReason.NoLogin(problem)
        is CoreReason.ServerFault -> EndReason.ServerFault(rule, detail)
        is CoreReason.Local -> EndReason.Local(problem)
        is CoreReason.Storage -> EndReason.Storage(problem)
        is CoreReason.TimedOut -> EndReason.TimedOut(timer)
        is CoreReason.NoSession -> EndReason.NoSession(problem)
        is CoreReason.WrongAssumption -> EndReason.WrongAssumption(assumption)
        is CoreReason.TransportClosed -> EndReason.TransportClosed
        is CoreReason.StreamClosed -> EndReason.StreamClosed
        is CoreReason.Internal -> EndReason.Internal
    }
