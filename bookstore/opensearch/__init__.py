"""Search indexes on OpenSearch, whatever is in them; ``index`` says how each is written and exchanged.

All that is used here works alike on OpenSearch 2.19 and 3 and on the engine of the local shop.
"""
