"""Rankings: what each agent earned with each partner, who is ranked, and which ranks are open."""
