/// What the system brings by itself.
enum SystemPlatform {
  static var srvResolver: (any SrvResolver)? {
    #if canImport(dnssd)
      SystemSrvResolver()
    #else
      nil
    #endif
  }

  static var networkMonitor: (any NetworkMonitor)? {
    #if canImport(Network)
      PathNetworkMonitor()
    #else
      nil
    #endif
  }

  /// iOS has no list of name servers for us: the system's resolver is asked, and nobody beside it.
  static var nameServers: [String]? {
    #if canImport(UIKit)
      []
    #else
      nil
    #endif
  }
}
