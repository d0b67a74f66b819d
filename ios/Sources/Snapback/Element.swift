import SnapbackFFI

/// An XML element: a name, a namespace, attributes and content. Names are expanded, so there are no prefixes.
///
/// ```swift
/// let history = Element("history", namespace: muc, attributes: [.init("maxstanzas", "0")])
/// let join = Element("x", namespace: muc, children: [history])
/// let max = error.find("file-too-large", namespace: upload)?.find("max-file-size")?.text
/// ```
///
/// The description contains names only, since the content may be private; ``xml()`` returns everything.
public struct Element: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
  /// An attribute. The namespace is empty for an attribute without a prefix.
  public struct Attribute: Sendable, Hashable, CustomStringConvertible {
    public var name: String
    public var value: String
    public var namespace: String

    /// Creates an attribute.
    public init(_ name: String, _ value: String, namespace: String = "") {
      self.name = name
      self.value = value
      self.namespace = namespace
    }

    public var description: String { name }
  }

  /// What is inside of an element.
  public enum Node: Sendable, Hashable {
    /// A child element.
    case element(Element)
    /// Character data. It is escaped when the element is written.
    case text(String)
  }

  /// The namespace of stanzas and of their own children, such as `body`.
  public static let clientNamespace = SnapbackFFI.clientNamespace()

  /// The deepest that is passed on: as deep as a received stanza.
  private static let maxDepth = 68

  /// The local name.
  public var name: String
  /// The namespace; empty if there is none.
  public var namespace: String
  /// The attributes, in order.
  public var attributes: [Attribute]
  /// Child elements and texts, in order.
  public var nodes: [Node]

  /// Creates an element with child elements and texts.
  public init(_ name: String, namespace: String, attributes: [Attribute] = [], nodes: [Node]) {
    self.name = name
    self.namespace = namespace
    self.attributes = attributes
    self.nodes = nodes
  }

  /// Creates an element with child elements.
  public init(_ name: String, namespace: String, attributes: [Attribute] = [], children: [Element] = []) {
    self.init(name, namespace: namespace, attributes: attributes, nodes: children.map(Node.element))
  }

  /// Creates an element with a text.
  public init(_ name: String, namespace: String, attributes: [Attribute] = [], text: String) {
    self.init(name, namespace: namespace, attributes: attributes, nodes: [.text(text)])
  }

  /// Parses exactly one element. The limits are those of received stanzas.
  ///
  /// - Throws: ``SnapbackError/badXml`` if the text is anything else, ``SnapbackError/tooBig(size:limit:)`` or
  ///   ``SnapbackError/tooComplex(limit:)`` if it exceeds a limit.
  public init(xml: String) throws {
    self.init(try Self.translating { try parseElement(xml: xml) })
  }

  /// Escapes a text for use in XML, inside an element or an attribute. A character that XML forbids becomes U+FFFD.
  /// Needed only for XML that the app writes as text: an element escapes its texts by itself.
  public static func escaped(_ text: String) -> String {
    escapeXml(text: text)
  }

  /// Parses what the core has written.
  static func received(_ xml: String) -> Element? {
    (try? parseReceivedElement(xml: xml)).map(Element.init)
  }

  init(_ core: XmlElement) {
    self.init(
      core.name, namespace: core.namespace,
      attributes: core.attributes.map { Attribute($0.name, $0.value, namespace: $0.namespace) },
      nodes: core.nodes.map { node in
        switch node {
        case .element(let element): .element(Element(element))
        case .text(let text): .text(text)
        }
      })
  }

  /// The child elements, in order.
  public var children: [Element] {
    nodes.compactMap { node in
      if case .element(let element) = node { element } else { nil }
    }
  }

  /// The element's own character data, without that of its children.
  public var text: String {
    nodes.map { node in
      if case .text(let text) = node { text } else { "" }
    }.joined()
  }

  /// Returns the value of the attribute of this name; `nil` if there is none.
  public func attribute(_ name: String, namespace: String = "") -> String? {
    attributes.first { $0.name == name && $0.namespace == namespace }?.value
  }

  /// Returns the first child of this name, in the namespace of this element (`nil`) or in another one; `nil` if there is
  /// none.
  public func find(_ name: String, namespace: String? = nil) -> Element? {
    children.first { $0.name == name && $0.namespace == namespace ?? self.namespace }
  }

  /// Returns the element as XML, escaped and with the declarations that it needs.
  ///
  /// - Throws: ``SnapbackError/badXml`` if it has a name that XML does not allow, or an attribute twice,
  ///   ``SnapbackError/tooComplex(limit:)`` if it exceeds a limit of its receivers.
  public func xml() throws -> String {
    if isDeeper(than: Self.maxDepth) { throw SnapbackError.tooComplex(limit: "depth") }
    return try Self.translating { try writeElement(element: core) }
  }

  public var description: String { "Element(\(name), \(namespace))" }
  public var customMirror: Mirror { Mirror(self, children: ["name": name, "namespace": namespace]) }

  private func isDeeper(than levels: Int) -> Bool {
    levels == 0 || children.contains { $0.isDeeper(than: levels - 1) }
  }

  private var core: XmlElement {
    XmlElement(
      name: name, namespace: namespace,
      attributes: attributes.map { XmlAttribute(namespace: $0.namespace, name: $0.name, value: $0.value) },
      nodes: nodes.map { node in
        switch node {
        case .element(let element): .element(element: element.core)
        case .text(let text): .text(text: text)
        }
      })
  }

  private static func translating<T>(_ work: () throws -> T) throws -> T {
    do {
      return try work()
    } catch {
      throw SnapbackError.translated(error)
    }
  }
}

extension FailureReason {
  /// The element `error` of a stanza that was returned as an error, with the application-specific conditions and their
  /// data (RFC 6120 section 8.3.4); `nil` for another reason.
  public var error: Element? {
    if case .refused(_, _, _, let xml) = self { Element.received(xml) } else { nil }
  }
}
