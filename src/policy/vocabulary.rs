//! The built-in schema, and the gate's words as Cedar's entities.

use airssys_osl::own::OwnAction;
use airssys_osl::{ActionId, Operator, Party, Principal, Resource};
use cedar_policy::{Schema, SchemaFragment};
use cedar_policy_core::ast::{Entity, EntityType, EntityUID, Name};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

/// The schema all policies are validated against.
pub const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");

/// The policies that are always loaded, and that no permit lifts.
pub const BASE: &str = include_str!("../../policies/base.cedar");

/// Entity types whose members an entity file may not define: who is who comes from signatures and the trust file.
pub(crate) const IDENTITY_TYPES: [&str; 4] = ["Component", "Publisher", "Group", "Operator"];

/// The schema and everything that is made from it once.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) schema: Schema,
    pub(crate) component: EntityType,
    pub(crate) operator: EntityType,
    pub(crate) function: EntityType,
    pub(crate) publisher: EntityType,
    pub(crate) group: EntityType,
    pub(crate) path: EntityType,
    pub(crate) host: EntityType,
    pub(crate) endpoint: EntityType,
    actions: Vec<Arc<Entity>>,
    /// Per action the type of what it is asked on.
    kinds: Vec<&'static str>,
    /// Of the actions, those of embedders; they stand after the built-in ones.
    own: Vec<OwnAction>,
    resources: HashMap<&'static str, EntityType>,
    action_entities: HashMap<EntityUID, Arc<Entity>>,
}

static BUILT_IN: LazyLock<Result<Arc<Vocabulary>, String>> =
    LazyLock::new(|| Vocabulary::read(&[], &[]).map(Arc::new));

impl Vocabulary {
    /// The one vocabulary there is.
    pub(crate) fn built_in() -> Result<Arc<Vocabulary>, String> {
        BUILT_IN.clone()
    }

    /// The built-in schema with what embedders add to it: fragments, and each of their actions on its type.
    pub(crate) fn read(
        fragments: &[SchemaFragment],
        own: &[(OwnAction, &'static str)],
    ) -> Result<Vocabulary, String> {
        let (built_in, _) = SchemaFragment::from_cedarschema_str(SCHEMA).map_err(|e| e.to_string())?;
        let all = std::iter::once(built_in).chain(fragments.iter().cloned());
        let schema = Schema::from_schema_fragments(all).map_err(|e| e.to_string())?;
        let entities = schema.action_entities().map_err(|e| e.to_string())?;
        let core: &cedar_policy_core::entities::Entities = entities.as_ref();
        let action_entities: HashMap<_, _> =
            core.iter().map(|e| (e.uid().clone(), Arc::new(e.clone()))).collect();
        let built_in = ActionId::ALL.iter().map(|action| (*action, action.kind()));
        let all = built_in.chain(own.iter().map(|(action, kind)| (ActionId::Own(*action), *kind)));
        let (mut actions, mut kinds, mut resources) = (Vec::new(), Vec::new(), HashMap::new());
        for (action, kind) in all {
            let entity = action_entities.get(&action_uid(action)?);
            let entity = entity.ok_or_else(|| format!("the schema lacks the action `{action}`"))?;
            actions.push(Arc::clone(entity));
            kinds.push(kind);
            resources.insert(kind, entity_type(kind)?);
        }
        Ok(Vocabulary {
            schema,
            component: entity_type("Component")?,
            operator: entity_type("Operator")?,
            function: entity_type("Function")?,
            publisher: entity_type("Publisher")?,
            group: entity_type("Group")?,
            path: entity_type("Path")?,
            host: entity_type("Host")?,
            endpoint: entity_type("Endpoint")?,
            actions,
            kinds,
            own: own.iter().map(|(action, _)| *action).collect(),
            resources,
            action_entities,
        })
    }

    /// The action with its groups.
    pub(crate) fn action(&self, action: ActionId) -> Option<&Arc<Entity>> {
        self.actions.get(self.place(action)?)
    }

    /// Every action there is, in the order of their places.
    pub(crate) fn all_actions(&self) -> impl Iterator<Item = ActionId> {
        ActionId::ALL.iter().copied().chain(self.own.iter().copied().map(ActionId::Own))
    }

    /// An action's place among all; none for one that this vocabulary does not have.
    pub(crate) fn place(&self, action: ActionId) -> Option<usize> {
        match action {
            ActionId::Own(own) => {
                let place = self.own.iter().position(|known| *known == own)?;
                Some(ActionId::COUNT + place)
            }
            _ => action.place(),
        }
    }

    /// The type of what an action is asked on.
    pub(crate) fn kind_of(&self, action: ActionId) -> Option<&'static str> {
        self.kinds.get(self.place(action)?).copied()
    }

    /// Any action of the schema with its groups.
    pub(crate) fn any_action(&self, uid: &EntityUID) -> Option<&Arc<Entity>> {
        self.action_entities.get(uid)
    }

    pub(crate) fn resource(&self, resource: &Resource) -> Option<EntityUID> {
        self.resources.get(resource.kind()).map(|kind| uid_of(kind, resource.id()))
    }

    pub(crate) fn resource_type(&self, kind: &str) -> Option<&EntityType> {
        self.resources.get(kind)
    }

    /// Whoever asks, and everything it is in.
    pub(crate) fn names(&self, party: &Party) -> Names {
        match party {
            Party::Component(principal) => self.component_names(principal),
            Party::Operator(operator) => self.operator_names(operator),
        }
    }

    /// A component and everything it is in.
    pub(crate) fn component_names(&self, principal: &Principal) -> Names {
        let own = uid_of(&self.component, &principal.name);
        let publisher = uid_of(&self.publisher, &principal.publisher);
        Names { own, publisher: Some(publisher), groups: self.groups(&principal.groups) }
    }

    fn operator_names(&self, operator: &Operator) -> Names {
        let own = uid_of(&self.operator, &operator.uid().to_string());
        Names { own, publisher: None, groups: self.groups(operator.groups()) }
    }

    fn groups(&self, groups: &[String]) -> Vec<EntityUID> {
        groups.iter().map(|group| uid_of(&self.group, group)).collect()
    }
}

/// The entities a principal stands for.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) own: EntityUID,
    /// An operator has none.
    pub(crate) publisher: Option<EntityUID>,
    pub(crate) groups: Vec<EntityUID>,
}

impl Names {
    /// The principal itself and its ancestors.
    pub(crate) fn all(&self) -> impl Iterator<Item = &EntityUID> {
        std::iter::once(&self.own).chain(&self.publisher).chain(&self.groups)
    }

    pub(crate) fn ancestors(&self) -> HashSet<EntityUID> {
        self.all().skip(1).cloned().collect()
    }
}

pub(crate) fn uid_of(kind: &EntityType, id: &str) -> EntityUID {
    EntityUID::from_components(kind.clone(), cedar_policy_core::ast::Eid::new(id), None)
}

pub(crate) fn id_of(uid: &EntityUID) -> &str {
    uid.eid().as_ref()
}

/// An action as policies name it.
pub(crate) fn action_uid(action: ActionId) -> Result<EntityUID, String> {
    match action {
        ActionId::Own(own) => {
            let (namespace, name) = own.parts();
            Ok(uid_of(&entity_type(&format!("{namespace}::Action"))?, name))
        }
        _ => Ok(uid_of(&entity_type("Action")?, action.name())),
    }
}

pub(crate) fn entity_type(name: &str) -> Result<EntityType, String> {
    let name: Name = name.parse().map_err(|_| format!("`{name}` names no type"))?;
    Ok(EntityType::from(name))
}

/// The actions on files.
pub(crate) fn on_paths() -> impl Iterator<Item = ActionId> {
    ActionId::ALL.iter().copied().filter(|action| action.kind() == "Path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_declares_every_action_on_its_kind_of_resource_alone() {
        let words = Vocabulary::built_in().unwrap();
        for action in ActionId::ALL {
            let uid: cedar_policy::EntityUid = format!("Action::\"{action}\"").parse().unwrap();
            let kinds: Vec<_> =
                words.schema.resources_for_action(&uid).unwrap().map(ToString::to_string).collect();
            assert_eq!(kinds, [action.kind()], "{action}");
            let who: Vec<_> =
                words.schema.principals_for_action(&uid).unwrap().map(ToString::to_string).collect();
            assert!(who.iter().all(|who| ["Component", "Operator"].contains(&who.as_str())), "{action}");
            let groups: Vec<_> =
                words.action(*action).unwrap().ancestors().map(ToString::to_string).collect();
            let family = action.name().split_once(':').unwrap().0;
            assert_eq!(groups, [format!("Action::\"{family}\"")]);
        }
    }

    #[test]
    fn the_schema_knows_every_member_of_the_closed_kinds() {
        let words = Vocabulary::built_in().unwrap();
        for (kind, ids) in [
            ("Stdio", vec!["stdin", "stdout", "stderr"]),
            ("Clock", vec!["monotonic", "wall"]),
            ("Random", vec!["secure", "insecure"]),
            ("Process", vec!["self"]),
            ("Runtime", vec!["self"]),
        ] {
            for id in ids {
                let resource = Resource::parse(kind, id).unwrap();
                let uid = words.resource(&resource).unwrap().to_string();
                let json = serde_json::json!({"uid": {"type": kind, "id": id}, "attrs": {}, "parents": []});
                assert!(cedar_policy::Entity::from_json_value(json, Some(&words.schema)).is_ok(), "{uid}");
            }
        }
    }
}
