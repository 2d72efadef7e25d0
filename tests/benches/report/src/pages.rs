//! What a list costs that is read page by page.

use std::io;

use crate::program::build;
use crate::table::{self, figure, ratio};
use crate::valgrind::Cost;

pub fn report() -> io::Result<()> {
    let program = build("sdk")?.join("pages");
    let none = Cost::of(&program, &["0"])?;
    let mut one = None;
    let mut rows = Vec::new();
    for items in [100, 1_000, 10_000, 100_000] {
        let cost = Cost::of(&program, &[&items.to_string()])?;
        let item = cost.each(none, items);
        let (held, one) = (cost.peak - none.peak, *one.get_or_insert(cost.peak - none.peak));
        rows.push(vec![
            items.to_string(),
            figure(item.instructions),
            figure(item.allocations),
            figure(item.bytes),
            figure(held),
            ratio(held, one),
        ]);
    }
    table::print(
        "A list in pages of 100",
        &[
            "items",
            "instructions an item",
            "allocations",
            "bytes allocated",
            "most bytes held at one time",
            "to one page",
        ],
        &rows,
        "Users, without a network. Differences to a run over an empty list; what is held is that of the whole run. It comes to \
         one page, however short or long the list.",
    );
    Ok(())
}
