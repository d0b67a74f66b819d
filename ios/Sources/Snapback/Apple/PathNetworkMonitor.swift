#if canImport(Network)
  import Dispatch
  import Network

  /// Follows the system's network paths. Every change is reported, also from one network to another, because a
  /// connection may look alive long after its network is gone.
  public struct PathNetworkMonitor: NetworkMonitor {
    /// Creates a monitor of all networks.
    public init() {}

    public func observe(_ changed: @escaping @Sendable (NetworkState) -> Void) -> any NetworkObservation {
      let monitor = NWPathMonitor()
      monitor.pathUpdateHandler = { path in
        // A path that requires a connection first counts as available, because connecting establishes it.
        changed(NetworkState(available: path.status != .unsatisfied, nameServers: []))
      }
      monitor.start(queue: DispatchQueue(label: "im.snapback.network"))
      return PathObservation(monitor: monitor)
    }
  }

  private struct PathObservation: NetworkObservation, @unchecked Sendable {
    // `cancel` may be called from any thread, and nothing else is.
    let monitor: NWPathMonitor

    func cancel() {
      monitor.cancel()
    }
  }
#endif
