"""Who the tenant is and how it is organised."""
