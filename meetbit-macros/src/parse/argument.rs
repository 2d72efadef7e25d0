//! An argument of a method, before `bind` decides where it goes.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, GenericArgument, Ident, Pat, PatType, PathArguments, Type};

use crate::cfg::Conditional;
use crate::diagnostics::{Diagnostics, message};
use crate::parse::marker::{Marker, take_marker};
use crate::parse::parsed::Parsed;
use crate::parse::return_type::{bare, last_segment};

/// What the name of a type says about its values.
#[derive(Clone, Copy)]
pub(crate) struct ValueType {
    pub(crate) is_optional: bool,
    /// Whether it may be a struct, whose fields a query has under their own names.
    pub(crate) may_have_fields: bool,
}

/// An argument with its marker.
pub(crate) struct ParsedArg {
    pub(crate) name: Ident,
    /// The name without `r#`.
    pub(crate) key: String,
    pub(crate) marker: Parsed<(Marker, Box<Attribute>)>,
    pub(crate) is_reference: bool,
    /// Whether the name of its type is that of a typical path argument.
    pub(crate) is_scalar: bool,
    pub(crate) value_type: ValueType,
    /// The predicates of its `#[cfg]`s, and the first attribute that has one.
    pub(crate) cfgs: Vec<TokenStream>,
    pub(crate) cfg: Option<Attribute>,
    pub(crate) diagnostics: Diagnostics,
}

impl ParsedArg {
    /// Reads an argument and takes the markers out of it.
    pub(crate) fn take(argument: &mut PatType) -> Self {
        let diagnostics = Diagnostics::default();
        let mut marker = take_marker(&mut argument.attrs, &diagnostics);
        let name = plain_name(&argument.pat, &diagnostics).unwrap_or_else(|| {
            marker = Parsed::Invalid;
            Ident::new("_", Span::call_site())
        });
        Self {
            key: name.unraw().to_string(),
            name,
            marker,
            is_reference: matches!(bare(&argument.ty), Type::Reference(reference) if reference.mutability.is_none()),
            is_scalar: is_scalar(&argument.ty),
            value_type: ValueType {
                is_optional: optional(&argument.ty).is_some(),
                may_have_fields: !has_no_fields(&argument.ty),
            },
            cfgs: Conditional::cfgs(&argument.attrs),
            cfg: argument.attrs.iter().find(|attribute| !Conditional::cfgs([*attribute]).is_empty()).cloned(),
            diagnostics,
        }
    }

    pub(crate) fn is_body(&self) -> bool {
        matches!(self.marker, Parsed::Valid((Marker::Body | Marker::Form | Marker::Bytes(_), _)))
    }
}

fn plain_name(pattern: &Pat, diagnostics: &Diagnostics) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.subpat.is_none() => {
            if name.by_ref.is_some() || name.mutability.is_some() {
                diagnostics.error_at(name, message!("an argument needs a plain name; write `{}`", name.ident));
            }
            Some(name.ident.clone())
        }
        _ => {
            let text = message!(
                "an argument needs a plain name, because the path or the marker refers to it; write `name: Type`"
            );
            diagnostics.error_at(pattern.to_token_stream(), text);
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

/// Whether a type is a scalar, or a list or an `Option` of one, as far as its name says.
fn has_no_fields(ty: &Type) -> bool {
    const OTHERS: [&str; 5] = ["bool", "f32", "f64", "isize", "usize"];
    match bare(ty) {
        Type::Reference(reference) => has_no_fields(&reference.elem),
        Type::Array(_) | Type::Slice(_) => true,
        ty => {
            let name = last_segment(ty).map(|segment| segment.ident.to_string()).unwrap_or_default();
            let inner = || optional(ty).is_some_and(has_no_fields);
            is_scalar(ty) || OTHERS.contains(&name.as_str()) || name == "Vec" || inner()
        }
    }
}

/// The type in an `Option`, or in a reference to one.
fn optional(ty: &Type) -> Option<&Type> {
    match bare(ty) {
        Type::Reference(reference) => optional(&reference.elem),
        ty => {
            let option = last_segment(ty).filter(|segment| segment.ident == "Option")?;
            let PathArguments::AngleBracketed(arguments) = &option.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
    }
}
