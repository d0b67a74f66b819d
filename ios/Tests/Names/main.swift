// What an app may write, type-checked by `cargo xtask swift` with `MemberImportVisibility`: its own types have the names of
// common things, and the members of this package's types need no other import.
import Foundation
import Snapback

struct Message {}
struct Element {}

let mine = Message()
let theirs: Snapback.Message? = nil
let element: Snapback.Element? = nil
let timer = Timer(timeInterval: 1, repeats: false) { _ in }

func isOver(_ stage: Stage) -> Bool {
  switch stage {
  case .acked, .failed(.sessionLost): true
  default: stage != .queued && stage != .sent
  }
}

func what(_ ended: Ended) -> String {
  if case .timedOut(let timer) = ended.reason { "\(timer)" } else { "" }
}

func isLocked(_ error: SnapbackError) -> Bool {
  switch error {
  case .storage(.notYetUnlocked): true
  case .vault(let error): error.kind == .locked && error.status != nil
  default: error.isRetryable
  }
}
