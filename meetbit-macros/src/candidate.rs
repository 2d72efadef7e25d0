//! An argument as it is declared, before it is known where it goes.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Ident, Pat, PatType, Type};

use crate::conditional::Conditional;
use crate::marker::{Marked, Marker};
use crate::mistake::Mistakes;
use crate::reply::{bare, last_segment};

/// An argument with its marker.
pub(crate) struct Candidate {
    pub(crate) name: Ident,
    /// The name without `r#`.
    pub(crate) key: String,
    pub(crate) marked: Marked,
    pub(crate) is_reference: bool,
    /// Whether its type is written like those that stand in a path.
    pub(crate) is_scalar: bool,
    /// The predicates under which it exists, and the first attribute that says so.
    pub(crate) cfgs: Vec<TokenStream>,
    pub(crate) cfg: Option<Attribute>,
    pub(crate) mistakes: Mistakes,
}

impl Candidate {
    /// Reads an argument and takes the markers out of it.
    pub(crate) fn take(argument: &mut PatType) -> Self {
        let mut mistakes = Mistakes::default();
        let mut marked = Marked::take(&mut argument.attrs, &mut mistakes);
        let name = plain_name(&argument.pat, &mut mistakes).unwrap_or_else(|| {
            marked = Marked::Wrong;
            Ident::new("_", Span::call_site())
        });
        Self {
            key: name.unraw().to_string(),
            name,
            marked,
            is_reference: matches!(bare(&argument.ty), Type::Reference(reference) if reference.mutability.is_none()),
            is_scalar: is_scalar(&argument.ty),
            cfgs: Conditional::cfgs(&argument.attrs),
            cfg: argument.attrs.iter().find(|attribute| !Conditional::cfgs([*attribute]).is_empty()).cloned(),
            mistakes,
        }
    }

    pub(crate) fn is_body(&self) -> bool {
        matches!(self.marked, Marked::Right(Marker::Body | Marker::Form | Marker::Bytes(_), _))
    }
}

fn plain_name(pattern: &Pat, mistakes: &mut Mistakes) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.subpat.is_none() => {
            if name.by_ref.is_some() || name.mutability.is_some() {
                mistakes.at(name, format!("an argument is a plain name; write `{}`", name.ident));
            }
            Some(name.ident.clone())
        }
        _ => {
            let text = "an argument is a plain name, which the path or its marker refers to; write `name: Type`";
            mistakes.at(pattern.to_token_stream(), text);
            None
        }
    }
}

fn is_scalar(ty: &Type) -> bool {
    const SCALARS: [&str; 14] =
        ["str", "String", "Uuid", "char", "i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128"];
    let ty = match bare(ty) {
        Type::Reference(reference) => &reference.elem,
        ty => ty,
    };
    let name = last_segment(ty).map(|segment| segment.ident.to_string()).unwrap_or_default();
    SCALARS.contains(&name.as_str()) || name.ends_with("Id")
}
