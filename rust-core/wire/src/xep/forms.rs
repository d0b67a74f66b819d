//! XEP-0004: data forms, as far as XEP-0128 and XEP-0313 use them.

use crate::ns;
use crate::xml::Element;

/// `<x/>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// `form`, `submit`, `cancel` or `result`.
    pub kind: String,
    /// The fields, in order.
    pub fields: Vec<Field>,
}

/// `<field/>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub var: String,
    /// Its type, if it says so.
    pub kind: Option<String>,
    /// Its values, in order.
    pub values: Vec<String>,
}

const FORM_TYPE: &str = "FORM_TYPE";

impl Field {
    /// A field with one value and no type.
    pub fn single(var: &str, value: &str) -> Self {
        Self {
            var: var.to_owned(),
            kind: None,
            values: vec![value.to_owned()],
        }
    }

    /// Whether this is the field that names the form (XEP-0068).
    pub fn is_form_type(&self) -> bool {
        self.var == FORM_TYPE
    }

    fn is_hidden(&self) -> bool {
        self.kind.as_deref() == Some("hidden")
    }
}

impl Form {
    /// A form of type `submit`, named by `form_type`.
    pub fn submit(form_type: &str, mut fields: Vec<Field>) -> Self {
        let name = Field {
            kind: Some("hidden".to_owned()),
            ..Field::single(FORM_TYPE, form_type)
        };
        fields.insert(0, name);
        Self {
            kind: "submit".to_owned(),
            fields,
        }
    }

    /// Reads `<x/>`. Fields without a name hold nothing that could be asked for.
    pub fn parse(element: &Element) -> Self {
        Self {
            kind: element.attr("type").unwrap_or_default().to_owned(),
            fields: element
                .children()
                .filter(|child| child.is("field", ns::DATA_FORMS))
                .filter_map(|field| {
                    Some(Field {
                        var: field.attr("var")?.to_owned(),
                        kind: field.attr("type").map(str::to_owned),
                        values: field
                            .children()
                            .filter(|value| value.is("value", ns::DATA_FORMS))
                            .map(Element::text)
                            .collect(),
                    })
                })
                .collect(),
        }
    }

    /// `<x/>`
    pub fn to_element(&self) -> Element {
        let mut form = Element::new("x", ns::DATA_FORMS).with_attr("type", &self.kind);
        for field in &self.fields {
            let mut element = Element::new("field", ns::DATA_FORMS).with_attr("var", &field.var);
            if let Some(kind) = &field.kind {
                element.set_attr("type", kind);
            }
            for value in &field.values {
                element.push_child(Element::new("value", ns::DATA_FORMS).with_text(value));
            }
            form.push_child(element);
        }
        form
    }

    /// The field that names the form, if it is hidden as XEP-0068 wants it.
    pub fn form_type(&self) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.is_form_type() && field.is_hidden())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn a_form_comes_back() {
        let form = Form::submit("urn:example", vec![Field::single("a", "1")]);
        assert_eq!(Form::parse(&form.to_element()), form);
        assert_eq!(form.form_type().unwrap().values, ["urn:example"]);
    }

    #[test]
    fn only_a_hidden_field_names_a_form() {
        let form = Form::parse(&element(
            "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>x</value></field><field><value>y</value></field></x>",
        ));
        assert_eq!(form.form_type(), None);
        assert_eq!(form.fields.len(), 1);
    }
}
