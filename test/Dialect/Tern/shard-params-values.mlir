// Shards compute the very bits of the whole table, which has an odd number of
// rows: in the reference interpreter, and as dispatches.
// RUN: %python %S/../../Interpreter/before_after.py %s --function model -- --sterna-shard-params=max-bytes=256
// RUN: %python %S/../../Interpreter/before_after.py %s --function model -- --sterna-shard-params=max-bytes=160
// RUN: %python %S/../../Interpreter/before_after.py %s --function model -- --sterna-shard-params=max-bytes=16
// RUN: %python %S/../../Interpreter/before_after.py %s --function model -- --sterna-shard-params=max-bytes=256 --sterna-form-dispatches

#rows = affine_map<(m, n, k) -> (m, k)>
#transposed = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

tern.param @table : tensor<37x8xf16> from dense<"0xDABD8F3D383CD7BB9CA477B2D9389F3C80BE8CBF5F3D4EB4323CF8BFFAB2173B57BC203F6D3E83BF98BF5031073F9AB789BCFEB489BF74BCF0B35AA446BC4FBC80BC2FB1BABAA8BF663D3B338D3806BDE13FC33D10BE5AB9173BC33AFC3EFEB4483D73394CBA9A351F3E8A3D6025B23573BF1EBCC33C7DB53BBD3D327F3A963902B8CFB35A28753C602DD5B63FA987BF4EBF833ABB3FF835D1B647BD9C20B63F543C0E31C43D49BC0A2B3D3FFA3437B162BB2532503FE8BF8A3C213D2E3EB23BF33CCD2CD733BCB41BBFEC3D7B34CEBCDD24AEAB96B8EEB8EE30E737333758B18DBF54BC2ABD6835C73DC73CC13C103DD5BB783D8939ABBEBBBFC5BF173C02BC3FBEFC37FAB8E3BE72BD0A2F4FBD44BBC53ACBB1B2B9B8AE9FBF44B70EB5FEBC43BE653E1F29A8BCC536123DABBFB7BFA8BD003B70BD8B3AB439BA3179BC9C3FC43C392C6EBCC138B8B6D934B8B931380FBF73BA7D3F023E31BABC3D12BA073FCD3B5CB5EEBBDDBF0F3E64BF1D3D653F7F3442BDE23D943F873A7B28CFB7E5B8B5BC93394AB4E5BC54BE503987BA199498B9F23D653EB6BFCABC83B9CB3F863C27B998BC9639673DEA3E00B91F3EFC39F0ABC53F3EBC373BA5BE49BD933E98BC253C6A36763D39B81DB9AEBAE13DA836453F323ED6BD8F3255BE5FBFD4BEDC3D9C3C423D17B96037833CCFB787346CBCB1BE77BB413E2134CD3E68B121BB983C3E3DCDBF753988BE29BE293E5CBF2ABCD03F0EB527BE52BD23BCCF3B5BBE923ECBB7863F8C3E98BAE3BBE3AD65BEDD385EBFD5BFB83F8BBA2D366FB2FAB9FEBE9E3E843F843F38BE8EBC8937AE3F8131"> : tensor<37x8xf16>

// Ids of all shards, and beyond both ends of the table.
// RANGE ids -4 41
func.func @model(%ids: tensor<96xi32> {tern.input = "ids"})
    -> (tensor<96x8xf32> {tern.output = "hidden"}, tensor<96x37xf32> {tern.output = "logits"}) {
  %table = tern.get_param @table : tensor<37x8xf16>
  %x = tern.embedding %table, %ids : tensor<37x8xf16>, tensor<96xi32> -> tensor<96x8xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<96x37xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<96x37xf32>) -> tensor<96x37xf32>
  %logits = linalg.matmul indexing_maps = [#rows, #transposed, #result]
      ins(%x, %table : tensor<96x8xf32>, tensor<37x8xf16>) outs(%start : tensor<96x37xf32>) -> tensor<96x37xf32>
  return %x, %logits : tensor<96x8xf32>, tensor<96x37xf32>
}
