//! A request this version does not know.

use crate::page::Page;

pub(crate) fn render(page: &mut Page<'_>, method: &str) {
    page.headline("A request this version does not know", method);
    page.section("Method", method);
    page.json("The whole request, as it came", page.params());
    page.all_shown();
}
