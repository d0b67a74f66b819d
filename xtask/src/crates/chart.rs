//! The product's crates as a drawing: a row and a column each, a dot where the row's crate depends on the column's.

use std::fmt::Write as _;

use super::{Crate, PRODUCT};

/// Draws the crates of the product, those that nothing depends on first. Arrows run right and down only.
pub(super) fn draw(crates: &[Crate]) -> String {
    let order = ordered(crates);
    let names: Vec<&str> = order.iter().map(|one| short(&one.name)).collect();
    // A column only for what something depends on.
    let columns: Vec<usize> = (0..order.len())
        .filter(|&column| order.iter().any(|row| depends(row, &order, column)))
        .collect();
    let margin = order.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = format!("{:margin$} ", "");
    for &column in &columns {
        let _ = write!(text, " {:^1$}", name(&names, column), width(&names, column));
    }
    let mut text = text.trim_end().to_owned();
    for (row, one) in order.iter().enumerate() {
        let _ = write!(text, "\n{:margin$} ", one.name);
        text.push_str(line(&order, &names, &columns, row).trim_end());
    }
    text
}

/// One crate's dots, and the lines of those above it that pass through.
fn line(order: &[&Crate], names: &[&str], columns: &[usize], row: usize) -> String {
    let Some(one) = order.get(row) else {
        return String::new();
    };
    let last = columns
        .iter()
        .copied()
        .filter(|&column| depends(one, order, column))
        .max();
    let mut text = String::new();
    for &column in columns {
        let is_wanted = |row: &&Crate| depends(row, order, column);
        // Beyond its last dot a row is empty, but for the lines of others.
        let before = if row < column && last.is_some_and(|last| column <= last) {
            '─'
        } else {
            ' '
        };
        let after = if last.is_some_and(|last| row <= column && column < last) {
            '─'
        } else {
            ' '
        };
        let passes = row < column && order.iter().take(row).any(is_wanted);
        let mark = match (depends(one, order, column), passes, before) {
            _ if row == column => '▼',
            (true, ..) => '●',
            (false, true, '─') => '┼',
            (false, true, _) => '│',
            (false, false, blank) => blank,
        };
        let width = width(names, column);
        let left = (width - 1) / 2;
        text.push(before);
        text.extend(std::iter::repeat_n(before, left));
        text.push(mark);
        text.extend(std::iter::repeat_n(after, width - 1 - left));
    }
    text
}

/// Each before all that it depends on; of two that are free, the one of more layers first.
fn ordered(crates: &[Crate]) -> Vec<&Crate> {
    let mut product: Vec<&Crate> = crates.iter().filter(|one| one.is_below(&PRODUCT)).collect();
    let count = product.len();
    product.sort_by_cached_key(|one| {
        (
            std::cmp::Reverse(height(one, crates, count)),
            one.name.clone(),
        )
    });
    product
}

/// How many layers lie below. Cargo refuses circles; `left` ends one all the same.
fn height(one: &Crate, crates: &[Crate], left: usize) -> usize {
    if left == 0 {
        return 0;
    }
    let below = one.dependencies.iter().filter_map(|name| {
        let found = crates.iter().find(|other| other.name == *name)?;
        Some(height(found, crates, left - 1) + 1)
    });
    below.max().unwrap_or(0)
}

fn depends(row: &Crate, order: &[&Crate], column: usize) -> bool {
    order
        .get(column)
        .is_some_and(|one| row.dependencies.contains(&one.name))
}

fn name<'a>(names: &[&'a str], column: usize) -> &'a str {
    names.get(column).copied().unwrap_or_default()
}

fn width(names: &[&str], column: usize) -> usize {
    name(names, column).len().max(1)
}

/// Without what all names begin with.
fn short(name: &str) -> &str {
    name.strip_prefix("snapback-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, folder: &str, dependencies: &[&str]) -> Crate {
        Crate {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: dependencies.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_dot_stands_where_a_crate_depends_on_another() {
        let crates = [
            one("snapback-proto", "rust-core/proto", &[]),
            one("snapback-tls", "rust-core/tls", &[]),
            one(
                "snapback-client",
                "rust-core/client",
                &["snapback-engine", "snapback-tls"],
            ),
            one("snapback-engine", "rust-core/engine", &["snapback-proto"]),
            one("snapback-lab", "tests/lab", &["snapback-client"]),
        ];
        let expected = [
            "                 engine proto tls",
            "snapback-client ───●───────────●",
            "snapback-engine    ▼──────●    │",
            "snapback-proto            ▼    │",
            "snapback-tls                   ▼",
        ];
        assert_eq!(draw(&crates).lines().collect::<Vec<_>>(), expected);
    }
}
