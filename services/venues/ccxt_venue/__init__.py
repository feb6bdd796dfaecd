"""Any exchange of the library ccxt, as far as its flags and our own tests go, through the one port."""
