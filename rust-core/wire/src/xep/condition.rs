//! Error conditions: an element's name, within one namespace, as an enum.

/// Declares such an enum; each line is a variant and the name on the wire.
macro_rules! conditions {
    ($(#[$doc:meta])* $name:ident in $ns:path { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* #[doc = concat!("`<", $text, "/>`")] $variant,)+
            /// A condition that the specification does not define.
            Unknown,
        }

        impl $name {
            /// The name on the wire, `unknown` for what has none.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown => "unknown",
                }
            }

            /// The condition of this name.
            pub fn named(name: &str) -> Self {
                match name {
                    $($text => Self::$variant,)+
                    _ => Self::Unknown,
                }
            }

            /// The condition among the children of an error. None if there is none at all.
            pub fn of(error: &$crate::xml::Element) -> Option<Self> {
                error
                    .children()
                    .find(|child| child.ns() == $ns && child.name() != "text")
                    .map(|child| Self::named(child.name()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use conditions;
