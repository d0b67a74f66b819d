package im.snapback

import im.snapback.ffi.EndReason as CoreReason
import im.snapback.ffi.TlsProblem as CoreTls

/** Why a connection, or an attempt at one, ended. */
public sealed interface EndReason {
    /** We closed it. */
    public data object Closed : EndReason

    /** It was dropped to begin another, or to go to sleep. */
    public data object Dropped : EndReason

    /** The server's name could not be resolved. */
    public data class Resolve(val problem: ResolveProblem) : EndReason

    /** No address could be connected to; what each attempt ended with, such as `connection refused`. */
    public data class Unreachable(val failures: List<String>) : EndReason

    /** No address answered in time. */
    public data object ConnectTimedOut : EndReason

    /** The certificate was refused. */
    public data class Certificate(val problem: CertificateProblem) : EndReason

    /** Nobody could judge the certificate: the platform's verifier is missing. */
    public data object VerifierUnavailable : EndReason

    /** TLS failed; [detail] is safe to log. */
    public data class Tls(val detail: String) : EndReason

    /** The server closed the stream with an error (RFC 6120 section 4.9). Its own words in [text] are not safe to log. */
    public class StreamError(public val condition: String, public val text: String?) : EndReason {
        override fun toString(): String = "StreamError(condition=$condition)"
    }

    /** The server has removed the account. Its own words in [text] are not safe to log. */
    public class AccountRemoved(public val text: String?) : EndReason {
        override fun toString(): String = "AccountRemoved"
    }

    /**
     * The server refused the login, with a SASL condition such as `not-authorized` (RFC 6120 section 6.5). Its own words in
     * [text], such as how long to wait, are not safe to log: one line of at most 1024 characters.
     */
    public class LoginRefused(public val condition: String, public val text: String?) : EndReason {
        override fun toString(): String = "LoginRefused(condition=$condition)"
    }

    /**
     * The server let the user in and refused a session (RFC 6120 section 7), as of too many devices, with a condition such as
     * `resource-constraint`. Its own words in [text] are not safe to log.
     */
    public class BindRefused(public val condition: String, public val text: String?) : EndReason {
        override fun toString(): String = "BindRefused(condition=$condition)"
    }

    /**
     * The server wants more of the user than the password, and none of it is implemented here (XEP-0388 section 2.6.3):
     * one of these [tasks], by the server's names, such as a second factor. Its own words in [text] are not safe to log.
     */
    public class TasksRequired(public val tasks: List<String>, public val text: String?) : EndReason {
        override fun toString(): String = "TasksRequired(tasks=$tasks)"
    }

    /** The server offers no way to log in that we accept. */
    public data class NoLogin(val problem: NoLoginProblem) : EndReason

    /** The server is incompatible with us, or misbehaved: the rule that it broke, and what it did, safe to log. */
    public data class ServerFault(val rule: String, val detail: String) : EndReason

    /** Something on this device. */
    public data class Local(val problem: LocalProblem) : EndReason

    /** The store could not be used. */
    public data class Storage(val problem: StorageProblem) : EndReason

    /** Nothing came in time. */
    public data class TimedOut(val timer: Timer) : EndReason

    /** Only the interrupted session was wanted, as [SnapbackClient.drain] does, and it is not to be had. Nothing is lost. */
    public data class NoSession(val problem: NoSessionProblem) : EndReason

    /** A remembered fact was wrong. It is forgotten, and the next attempt is made at once. */
    public data class WrongAssumption(val assumption: Assumption) : EndReason

    /** The transport ended without a stream end. */
    public data object TransportClosed : EndReason

    /** The server ended the stream without an error. */
    public data object StreamClosed : EndReason

    /** A bug of ours. */
    public data object Internal : EndReason
}

/** Why a server's name could not be resolved. */
public typealias ResolveProblem = im.snapback.ffi.ResolveProblem

/** Why a certificate was refused. */
public typealias CertificateProblem = im.snapback.ffi.CertificateProblem

/** Why none of the server's ways to log in is acceptable. */
public typealias NoLoginProblem = im.snapback.ffi.NoLoginProblem

/** What went wrong on this device. */
public typealias LocalProblem = im.snapback.ffi.LocalProblem

/** What was waited for. */
public typealias Timer = im.snapback.ffi.Timer

/** Why there is no session to resume. */
public typealias NoSessionProblem = im.snapback.ffi.NoSessionProblem

/** A remembered fact that turned out to be wrong. */
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
