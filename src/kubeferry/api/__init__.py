"""Our custom resources: their types, their CustomResourceDefinitions, and what installs them."""
