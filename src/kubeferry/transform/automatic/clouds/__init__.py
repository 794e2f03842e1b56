"""What is one provider's own: tables in data files, one a provider, and what is done by them."""
