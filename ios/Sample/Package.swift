// swift-tools-version: 6.0
// An app that depends on Snapback by path, as another repository does by version.
import PackageDescription

let package = Package(
  name: "SnapbackSample",
  platforms: [.iOS(.v15), .macOS(.v12)],
  dependencies: [.package(name: "Snapback", path: "../..")],
  targets: [
    .executableTarget(
      name: "snapback-sample",
      dependencies: [.product(name: "Snapback", package: "Snapback")],
      path: "Sources")
  ],
  swiftLanguageModes: [.v6]
)
