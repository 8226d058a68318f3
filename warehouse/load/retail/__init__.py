"""The retail inbox: files into RAW, the greatest version of each row into STAGE, and what became of each file.

Every statement may be sent twice: the second time, it changes nothing.
"""
