//! Finds the attributes of this crate on an item, also if they are renamed or qualified.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Attribute, Meta, Path, TraitItemFn};

use crate::cfg::Conditional;
use crate::diagnostics::{Diagnostics, Message, message};
use crate::parse::{Args, Method};

/// The name that `#[api_endpoint]` has, unless it is renamed where it is imported.
pub(crate) const NAME: &str = "api_endpoint";

/// The `#[api_endpoint]`s of a method, under any path. One that is renamed is recognised by its arguments.
pub(crate) fn attributes(method: &TraitItemFn) -> Vec<Conditional> {
    let (mut attributes, may_be_renamed) = (Conditional::all(&method.attrs), may_be_renamed(method));
    attributes.retain(|attribute| is_endpoint(&attribute.meta, may_be_renamed));
    attributes
}

/// Whether a method has what is probably a renamed `#[api_endpoint]` with a mistake, which it will report itself. `#[get(..)]`
/// is that of another library.
pub(crate) fn is_probable(method: &TraitItemFn) -> bool {
    let resembles = |Conditional { meta, .. }: &Conditional| {
        !Method::NAMES.iter().any(|name| is_named(meta.path(), name))
            && meta.require_list().is_ok_and(|list| Args::are_begun(&list.tokens))
    };
    may_be_renamed(method) && Conditional::all(&method.attrs).iter().any(resembles)
}

/// Whether `#[api_endpoint]` may have another name here. If an attribute has the right name, all others are foreign.
pub(crate) fn may_be_renamed(method: &TraitItemFn) -> bool {
    let is_named = |attribute: &Conditional| is_named(attribute.meta.path(), NAME);
    method.default.is_none() && !Conditional::all(&method.attrs).iter().any(is_named)
}

pub(crate) fn is_endpoint(meta: &Meta, may_be_renamed: bool) -> bool {
    let is_renamed = || may_be_renamed && meta.require_list().is_ok_and(|list| Args::are_complete(&list.tokens));
    is_named(meta.path(), NAME) || is_renamed()
}

/// Whether a path names an attribute, with any qualification.
pub(crate) fn is_named(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// Reports attributes of this name, and removes them.
pub(crate) fn reject(
    attributes: &mut Vec<Attribute>,
    name: &str,
    message: impl Fn() -> Message,
    diagnostics: &Diagnostics,
) {
    attributes.retain(|attribute| {
        let is_rejected = is_named(attribute.path(), name);
        if is_rejected {
            diagnostics.error_at(attribute, message());
        }
        !is_rejected
    });
}

/// Whether another macro has copied an attribute to this item, which cannot be an endpoint: it ends with a block that
/// is not in the source.
pub(crate) fn is_copied(item: &TokenStream) -> bool {
    let block = match item.clone().into_iter().last() {
        Some(TokenTree::Group(block)) if block.delimiter() == Delimiter::Brace => block.span().source_text(),
        _ => None,
    };
    block.is_some_and(|text| !text.starts_with('{'))
}

/// The answer to [`is_copied`].
pub(crate) fn too_low() -> Message {
    message!("write `#[api]` above attributes that copy the methods of the trait, such as `#[automock]`")
}
