//! Names of enums' variants, for traces and for tests that require each variant to be reached.

/// An enum whose variants are known by name.
pub trait Variants {
    /// The enum's name.
    const ENUM: &'static str;
    /// The names of all variants, in their order.
    const NAMES: &'static [&'static str];

    /// Returns the place of this value's variant among [`Variants::NAMES`].
    fn variant(&self) -> usize;

    /// Returns the name of this value's variant.
    fn variant_name(&self) -> &'static str {
        Self::NAMES.get(self.variant()).copied().unwrap_or_default()
    }
}

/// Implements [`Variants`] from one list, which the compiler compares with the enum: the match has no wildcard.
macro_rules! variants {
    ($type:ty { $($variant:ident),+ $(,)? }) => {
        impl $crate::variants::Variants for $type {
            const ENUM: &'static str = stringify!($type);
            const NAMES: &'static [&'static str] = &[$(stringify!($variant)),+];

            fn variant(&self) -> usize {
                #[derive(Clone, Copy)]
                enum Place {
                    $($variant),+
                }
                let place = match self {
                    $(Self::$variant { .. } => Place::$variant),+
                };
                place as usize
            }
        }
    };
}

pub(crate) use variants;

#[cfg(test)]
mod tests {
    use super::*;

    enum Shape {
        Unit,
        Tuple(u8),
        Struct { side: u8 },
    }

    variants!(Shape {
        Unit,
        Tuple,
        Struct
    });

    #[test]
    fn each_variant_has_its_own_place_and_name() {
        let shapes = [Shape::Unit, Shape::Tuple(1), Shape::Struct { side: 1 }];
        let places = shapes.each_ref().map(Variants::variant);
        assert_eq!(places, [0, 1, 2]);
        let names = shapes.each_ref().map(Variants::variant_name);
        assert_eq!(names, Shape::NAMES);
        let [_, Shape::Tuple(one), Shape::Struct { side }] = shapes else {
            unreachable!()
        };
        assert_eq!(one, side);
    }
}
