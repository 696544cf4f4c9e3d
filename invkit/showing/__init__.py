"""How solutions and pipelines are shown: as text, in notebooks, and as figures by matplotlib."""
